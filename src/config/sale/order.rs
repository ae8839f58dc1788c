//! The order of a room's sales: each begins when the one before it is over.

use super::{SALES_MAX, SaleConfig};
use crate::config::reader::Section;
use crate::config::times::Instant;

/// All sales of a room in order of their opening, out of its tables in the order of the file. What does not go together is
/// reported.
pub(super) fn in_order(section: &Section<'_>, tables: Vec<Vec<SaleConfig>>) -> Option<Vec<SaleConfig>> {
    let firsts: Vec<&SaleConfig> = tables.iter().filter_map(|sales| sales.first()).collect();
    for pair in firsts.windows(2).filter(|pair| pair[1].opens_at_ms < pair[0].opens_at_ms) {
        let what = format!("{} stands behind {}, which opens later", said(pair[1]), said(pair[0]));
        section.problem("sale", what, "write sales in the order in which they open");
    }
    let mut sales: Vec<SaleConfig> = tables.concat();
    sales.sort_by_key(|sale| (sale.opens_at_ms, sale.starts_at_ms));
    let most = usize::from(SALES_MAX);
    section.check(
        sales.len() <= most,
        "sale",
        format!("the room has {} sales, more than {most}", sales.len()),
        "end rules earlier, and go on with another file then",
    );
    // One mistake of a rule is one of all its days: it is told once.
    let wrong = sales.windows(2).find_map(|pair| overlap(&pair[0], &pair[1]));
    if let Some((what, remedy)) = wrong {
        section.problem("sale", what, remedy);
        return None;
    }
    Some(sales)
}

/// What is wrong with a sale and the one after it.
fn overlap(sale: &SaleConfig, next: &SaleConfig) -> Option<(String, &'static str)> {
    match sale.ends_at_ms {
        None => {
            let what = format!("{} has no end, and {} follows", said(sale), said(next));
            Some((what, "give it ends_at: only the last sale of a room may go on for ever"))
        }
        Some(ends_at_ms) if ends_at_ms > next.opens_at_ms => {
            let ends_at = Instant { at_ms: ends_at_ms };
            let what = format!("{} ends at {ends_at}, and overlaps {}", said(sale), said(next));
            Some((what, "end it before the next one's pool opens, or open that one later"))
        }
        Some(_) => None,
    }
}

/// A sale, for people who look for it in their file.
fn said(sale: &SaleConfig) -> String {
    let name = sale.name.as_ref().map_or_else(String::new, |name| format!("{name:?}, "));
    format!("the sale ({name}opens {})", Instant { at_ms: sale.opens_at_ms })
}
