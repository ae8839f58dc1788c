//! The provider's books: one charge a payment id, in memory and, if asked for, in a file that outlives the process.
//!
//! Guarantees:
//! - the same question again has the same answer
//! - what was answered is in the file before
//! - a line that was torn by a crash was never answered and is dropped

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Bound;
use std::path::Path;

use uuid::Uuid;

use fairgate_booking::payment::api::{ChargeRecord, ChargeRequest, ChargeStatus};
use fairgate_booking::payment::card_of;

/// More than a demonstration needs; beyond it the books are full.
const CHARGES_MAX: usize = 1_000_000;

/// Why something did not get into the books.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The payment id belongs to another amount or currency.
    #[error("the payment id was used for another amount or currency")]
    OtherCharge,
    /// No charge has this payment id.
    #[error("there is no charge for this payment id")]
    Unknown,
    /// There was no money to give back.
    #[error("no money was taken, so there is none to give back")]
    NothingTaken,
    /// No room.
    #[error("the books are full: {CHARGES_MAX} charges")]
    Full,
    /// The file cannot be written.
    #[error("the ledger cannot be written: {0}")]
    File(#[from] io::Error),
}

/// The books.
#[derive(Debug, Default)]
pub struct Ledger {
    charges: BTreeMap<Uuid, ChargeRecord>,
    file: Option<File>,
}

impl Ledger {
    /// Books that are continued in `path`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let records = text[..whole].lines().map(serde_json::from_str::<ChargeRecord>);
        let records: Vec<ChargeRecord> = records.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(whole as u64)?;
        let charges = records.into_iter().map(|record| (record.payment_id, record)).collect();
        Ok(Self { charges, file: Some(file) })
    }

    /// The charge of a payment.
    #[must_use]
    pub fn get(&self, payment_id: Uuid) -> Option<&ChargeRecord> {
        self.charges.get(&payment_id)
    }

    /// A page of the books, in the order of payment ids.
    #[must_use]
    pub fn page(&self, after: Option<Uuid>, limit: usize) -> Vec<ChargeRecord> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.charges.range((start, Bound::Unbounded)).take(limit).map(|(_, record)| record.clone()).collect()
    }

    /// Takes the money, or notes that it was declined. Asked again, it says what it said.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn charge(&mut self, asked: &ChargeRequest, declines: bool) -> Result<ChargeRecord, LedgerError> {
        if let Some(known) = self.charges.get(&asked.payment_id) {
            let same = known.status == ChargeStatus::Voided
                || (known.amount, &known.currency) == (asked.amount, &asked.currency);
            return if same { Ok(known.clone()) } else { Err(LedgerError::OtherCharge) };
        }
        let (status, reason) = if declines {
            (ChargeStatus::Declined, Some("the card was declined".to_owned()))
        } else {
            (ChargeStatus::Succeeded, None)
        };
        let (amount, currency) = (asked.amount, asked.currency.clone());
        let charge = format!("demo_{}", asked.payment_id.simple());
        let (payment_id, method) = (asked.payment_id, card_of(&asked.token));
        self.write(ChargeRecord { payment_id, charge, amount, currency, status, reason, method })
    }

    /// Gives the money back, once.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn refund(&mut self, payment_id: Uuid) -> Result<ChargeRecord, LedgerError> {
        let known = self.charges.get(&payment_id).ok_or(LedgerError::Unknown)?.clone();
        match known.status {
            ChargeStatus::Refunded => Ok(known),
            ChargeStatus::Succeeded => self.write(ChargeRecord { status: ChargeStatus::Refunded, ..known }),
            ChargeStatus::Declined | ChargeStatus::Voided => Err(LedgerError::NothingTaken),
        }
    }

    /// Makes sure that no money is taken any more; where it was taken already, says so and changes nothing.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn void(&mut self, payment_id: Uuid) -> Result<ChargeRecord, LedgerError> {
        if let Some(known) = self.charges.get(&payment_id) {
            return Ok(known.clone());
        }
        let charge = format!("demo_{}", payment_id.simple());
        let reason = Some("the shop gave up on the payment".to_owned());
        let (status, currency) = (ChargeStatus::Voided, String::new());
        self.write(ChargeRecord { payment_id, charge, amount: 0, currency, status, reason, method: None })
    }

    fn write(&mut self, record: ChargeRecord) -> Result<ChargeRecord, LedgerError> {
        if self.charges.len() >= CHARGES_MAX && !self.charges.contains_key(&record.payment_id) {
            return Err(LedgerError::Full);
        }
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&record).map_err(io::Error::other)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        self.charges.insert(record.payment_id, record.clone());
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: u128, amount: i64) -> ChargeRequest {
        ChargeRequest { payment_id: Uuid::from_u128(id), token: "demo-visa".into(), amount, currency: "EUR".into() }
    }

    #[test]
    fn a_payment_is_charged_and_given_back_once() {
        let mut ledger = Ledger::default();
        let first = ledger.charge(&asked(1, 500), false).expect("charged");
        assert_eq!(first.status, ChargeStatus::Succeeded);
        assert_eq!(ledger.charge(&asked(1, 500), true).expect("known"), first, "its first answer is its answer");
        assert!(matches!(ledger.charge(&asked(1, 501), false), Err(LedgerError::OtherCharge)));
        let refunded = ledger.refund(first.payment_id).expect("refunded");
        assert_eq!(ledger.refund(first.payment_id).expect("again"), refunded);
        assert_eq!(ledger.charge(&asked(1, 500), false).expect("known").status, ChargeStatus::Refunded);
        assert!(matches!(ledger.refund(Uuid::max()), Err(LedgerError::Unknown)));
    }

    #[test]
    fn a_voided_payment_is_never_charged_and_a_charged_one_never_voided() {
        let mut ledger = Ledger::default();
        let voided = ledger.void(Uuid::from_u128(1)).expect("voided");
        assert_eq!(ledger.charge(&asked(1, 500), false).expect("known"), voided);
        assert!(matches!(ledger.refund(Uuid::from_u128(1)), Err(LedgerError::NothingTaken)));
        let charged = ledger.charge(&asked(2, 500), false).expect("charged");
        assert_eq!(ledger.void(Uuid::from_u128(2)).expect("told"), charged);
    }

    #[test]
    fn the_books_are_continued_and_a_torn_line_is_dropped() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).expect("new");
        for id in 1..=3 {
            ledger.charge(&asked(id, 100), id == 2).expect("charged");
        }
        ledger.refund(Uuid::from_u128(3)).expect("refunded");
        drop(ledger);
        OpenOptions::new().append(true).open(&path).expect("there").write_all(b"{\"payment_id\":").expect("torn");
        let mut ledger = Ledger::open(&path).expect("continued");
        let states: Vec<_> = ledger.page(None, 10).iter().map(|record| record.status).collect();
        assert_eq!(states, [ChargeStatus::Succeeded, ChargeStatus::Declined, ChargeStatus::Refunded]);
        assert_eq!(ledger.page(Some(Uuid::from_u128(1)), 1)[0].payment_id, Uuid::from_u128(2));
        ledger.charge(&asked(4, 100), false).expect("goes on");
        assert_eq!(Ledger::open(&path).expect("whole").page(None, 10).len(), 4);
    }
}
