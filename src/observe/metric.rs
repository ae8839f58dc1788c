//! Declares metrics as a struct: the field's name is the metric's, its documentation the help text.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// A kind of metric that can be made from a name, a help text and labels.
pub(crate) trait Metric: Collector + Clone + Sized + 'static {
    fn make(opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self>;

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

/// Declares a struct of metrics with `new(&Registry)`. Each metric is called `fairgate_` and the field's name.
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
            $( #[doc = $help] pub(crate) $field: prometheus::$kind, )*
        }

        impl $name {
            /// Registers every metric.
            ///
            /// # Errors
            /// When the registry has one of them already.
            $visibility fn new(registry: &prometheus::Registry) -> prometheus::Result<Self> {
                Ok(Self {
                    $( $field: {
                        let opts = prometheus::Opts::new(concat!("fairgate_", stringify!($field)), $help.trim());
                        let labels: &[&str] = &[$($($label),*)?];
                        let buckets: &[&[f64]] = &[$(&$buckets)?];
                        let buckets = &buckets.concat();
                        <prometheus::$kind as $crate::observe::metric::Metric>::register(registry, opts, labels, buckets)?
                    }, )*
                })
            }
        }
    };
}

pub(crate) use metrics;
