//! Declares metrics as a struct: the field's name is the metric's, its documentation the help text.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// A kind of metric that can be made from a name, a help text and labels.
pub trait Metric: Collector + Clone + Sized + 'static {
    /// Makes one. Kinds without labels or buckets take no notice of them.
    ///
    /// # Errors
    /// When the name or a label is none for Prometheus.
    fn make(opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self>;

    /// Makes one that a registry shows.
    ///
    /// # Errors
    /// When it cannot be made, or the registry has one of that name already.
    fn register(registry: &Registry, opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        let metric = Self::make(opts, labels, buckets)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Metric for $kind {
            fn make(opts: Opts, _: &[&str], _: &[f64]) -> prometheus::Result<Self> {
                Self::with_opts(opts)
            }
        }
    )*};
}

macro_rules! labelled {
    ($($kind:ty),*) => {$(
        impl Metric for $kind {
            fn make(opts: Opts, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
                Self::new(opts, labels)
            }
        }
    )*};
}

plain!(IntCounter, IntGauge, Gauge);
labelled!(IntCounterVec, IntGaugeVec, GaugeVec);

impl Metric for Histogram {
    fn make(opts: Opts, _: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::from(opts).buckets(buckets.to_vec()))
    }
}

impl Metric for HistogramVec {
    fn make(opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        Self::new(HistogramOpts::from(opts).buckets(buckets.to_vec()), labels)
    }
}

/// Declares a struct of metrics with `new(&Registry)`. Each metric is called `fairgate_` and the field's name; the field's
/// documentation is its help text.
///
/// ```
/// fairgate_telemetry::metrics! {
///     /// What a till measures.
///     struct Till {
///         /// Tickets sold, by hall.
///         tickets_sold_total: IntCounterVec["hall"],
///     }
/// }
///
/// let registry = fairgate_telemetry::registry()?;
/// Till::new(&registry)?.tickets_sold_total.with_label_values(&["large"]).inc();
/// let text = String::from_utf8(fairgate_telemetry::expose(&registry)?).expect("UTF-8");
/// assert!(text.contains(r#"fairgate_tickets_sold_total{hall="large"} 1"#));
/// # Ok::<(), prometheus::Error>(())
/// ```
#[macro_export]
macro_rules! metrics {
    (
        $(#[$struct_doc:meta])*
        $visibility:vis struct $name:ident {
            $( #[doc = $help:literal] $field:ident: $kind:ident $([$($label:literal),*])? $({$buckets:expr})?, )*
        }
    ) => {
        $(#[$struct_doc])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $( #[doc = $help] pub(crate) $field: $crate::prometheus::$kind, )*
        }

        impl $name {
            /// Registers every metric.
            ///
            /// # Errors
            /// When the registry has one of them already.
            $visibility fn new(registry: &$crate::prometheus::Registry) -> $crate::prometheus::Result<Self> {
                Ok(Self {
                    $( $field: {
                        let opts = $crate::prometheus::Opts::new(concat!("fairgate_", stringify!($field)), $help.trim());
                        let labels: &[&str] = &[$($($label),*)?];
                        let buckets: &[&[f64]] = &[$(&$buckets)?];
                        let buckets = &buckets.concat();
                        <$crate::prometheus::$kind as $crate::Metric>::register(registry, opts, labels, buckets)?
                    }, )*
                })
            }
        }
    };
}
