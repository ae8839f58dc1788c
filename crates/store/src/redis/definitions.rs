//! Definitions of rooms in Redis: the tags and the texts of a fleet, and what each edge has of them.
//!
//! Guarantees:
//! - a definition is replaced by one with a higher revision alone, whichever edge writes first
//! - a look costs a line for each definition, and no text
//!
//! Keys are `fairgate:{.rooms}:tags`, `:texts` and `:edges`: no room has such a name.

use std::sync::LazyLock;

use redis::{RedisError, Script, Value};

use super::link::Link;
use super::script::{nonsense, run, unavailable};
use crate::{Definition, DefinitionTag, DefinitionsLook, StoreError};

static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/definitions_look.lua")));
static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../lua/definition_put.lua")));

const TAGS: &str = "fairgate:{.rooms}:tags";
const TEXTS: &str = "fairgate:{.rooms}:texts";
const EDGES: &str = "fairgate:{.rooms}:edges";

/// An edge that has told nothing for so long is gone.
const HEARD_WITHIN_S: u64 = 5;

/// Tells what this edge has, and looks at what there is.
pub(super) async fn look(link: &Link, edge: &str, own: &str) -> Result<DefinitionsLook, StoreError> {
    let mut call = LOOK.key(TAGS);
    call.key(EDGES).arg(edge).arg(own).arg(HEARD_WITHIN_S);
    let reply = run(&call, link).await?;
    let [tags, edges] = &reply.values[..] else { return Err(nonsense("definitions of another kind")) };
    let tags = texts(tags)?;
    let tag = |pair: &[String]| Some((pair.first()?.clone(), pair.get(1)?.parse::<DefinitionTag>().ok()?));
    Ok(DefinitionsLook { tags: tags.chunks(2).filter_map(tag).collect(), edges: texts(edges)? })
}

fn texts(value: &Value) -> Result<Vec<String>, StoreError> {
    redis::from_redis_value_ref(value).map_err(|_| nonsense("definitions of another kind"))
}

/// Reads one.
pub(super) async fn read(link: &Link, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let get =
        |mut connection| async move { redis::cmd("HGET").arg(TEXTS).arg(name).query_async(&mut connection).await };
    link.call(get).await.map_err(|error: RedisError| unavailable(&error))
}

/// Keeps one instead of those of lower revisions; answers true if it is there then.
pub(super) async fn put(link: &Link, definition: &Definition) -> Result<bool, StoreError> {
    let Definition { name, tag, bytes } = definition;
    let mut call = PUT.key(TAGS);
    call.key(TEXTS).arg(name).arg(tag.revision).arg(&tag.digest).arg(&bytes[..]);
    Ok(run(&call, link).await?.word == "ok")
}
