//! Revoked codes in Redis: a bit for each code of a list, which edges only ever add to.
//!
//! Guarantees:
//! - a code that any edge has told to be revoked is revoked for all of them, whoever tells what first
//! - what Redis has lost is told again by whoever asks next
//!
//! Keys are `fairgate:{codes:CAMPAIGN}:LIST`, and beside it `:digest`. LIST is the first half of the list's version in hex.

use std::sync::LazyLock;

use redis::{Script, Value};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::link::Link;
use super::script::{Reply, nonsense, run};
use crate::StoreError;

static UNITE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/unite_revoked.lua")));

/// For so long they are kept after an edge has asked last.
const KEPT_S: u64 = 90 * 24 * 3600;

/// The key of a campaign's list.
pub(super) fn key(campaign: &str, list: &[u8; 32]) -> String {
    format!("fairgate:{{codes:{campaign}}}:{}", hex::encode(&list[..16]))
}

/// Tells which codes are revoked; answers all that are, where that is anything else.
pub(super) async fn unite(link: &Link, key: &str, bits: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    // Redis has no other hash. It tells bits apart that nobody has made to be alike.
    let known = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bits));
    if ask(link, key, &known, &[]).await?.word == "same" {
        return Ok(None);
    }
    let reply = ask(link, key, &known, bits).await?;
    match (reply.word.as_str(), reply.values.as_slice()) {
        ("same", []) => Ok(None),
        ("united", [Value::BulkString(united)]) => Ok(Some(united.clone()).filter(|united| *united != bits)),
        _ => Err(nonsense("revoked codes of another kind")),
    }
}

async fn ask(link: &Link, key: &str, known: &str, bits: &[u8]) -> Result<Reply, StoreError> {
    let mut call = UNITE.key(key);
    call.arg(known).arg(bits).arg(KEPT_S);
    run(&call, link).await
}
