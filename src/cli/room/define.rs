//! `fairgate room new`, `edit`, `publish`, `archive` and `export`: rooms as data.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::print::{plain, print_json, time};
use crate::admin::{Client, DefinitionChanged, DefinitionState, DefinitionText, Mistake, WrittenDefinition};
use crate::definitions::{Form, TEXT_BYTES_MAX};

/// What a new room is to be.
#[derive(Debug, Args)]
pub(super) struct NewRoom {
    /// The room's name: 1 to 40 of a-z, 0-9 and -. It stands in URLs and cookies.
    room: String,
    /// The text of the room, one `[[room]]`, instead of the values below. `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["title", "host", "path", "upstream", "opens_at"])]
    file: Option<PathBuf>,
    /// The name of the sale that fans read.
    #[arg(long, value_name = "TEXT", default_value = "")]
    title: String,
    /// The hosts that it protects, with commas between them. Without it, every host.
    #[arg(long, value_name = "HOSTS", default_value = "")]
    host: String,
    /// The paths that it protects, with commas between them. Without it, all.
    #[arg(long, value_name = "PATHS", default_value = "")]
    path: String,
    /// The shop behind it: an `[[upstream]]` of the edge's file.
    #[arg(long, value_name = "NAME", default_value = "shop")]
    upstream: String,
    /// When the pool opens, such as 2026-12-04T18:00[Europe/Lisbon].
    #[arg(long, value_name = "TIME", required_unless_present = "file")]
    opens_at: Option<String>,
    /// When the draw happens and the sale starts. Without it there is no pool.
    #[arg(long, value_name = "TIME", default_value = "")]
    starts_at: String,
    /// When the sale ends.
    #[arg(long, value_name = "TIME", default_value = "")]
    ends_at: String,
    /// The venue's time zone, for times without one.
    #[arg(long, value_name = "ZONE", default_value = "")]
    zone: String,
    /// Fans admitted per minute.
    #[arg(long, value_name = "PER_MINUTE", default_value = "600")]
    rate: String,
    /// The limit on sessions inside at the same time.
    #[arg(long, value_name = "SESSIONS", default_value = "")]
    max_active: String,
    /// The minutes that a purchase takes: the limit follows from it and the rate.
    #[arg(long, value_name = "MINUTES", default_value = "")]
    minutes: String,
    /// Only show the text, and what is wrong with it.
    #[arg(long)]
    dry_run: bool,
}

/// Another text of a room.
#[derive(Debug, Args)]
pub(super) struct EditRoom {
    /// The room's name.
    room: String,
    /// The text, one `[[room]]`. `-` is standard input. Without it the present text is printed.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only show what is wrong with it.
    #[arg(long, requires = "file")]
    dry_run: bool,
}

pub(super) async fn new(client: &Client, new: NewRoom, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let toml = match &new.file {
        Some(file) => read(file)?,
        None => form(&new).toml(),
    };
    if new.dry_run && !json {
        write!(out, "{toml}")?;
    }
    let changed = client.draft(&new.room, &DefinitionText { toml }, new.dry_run).await?;
    told(out, &changed, json, "is written as a draft")
}

pub(super) async fn edit(client: &Client, edit: EditRoom, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(file) = &edit.file else {
        let state = client.definition(&edit.room).await?;
        return if json { print_json(out, &state) } else { print_text(out, &state) };
    };
    let text = DefinitionText { toml: read(file)? };
    let changed = client.draft(&edit.room, &text, edit.dry_run).await?;
    told(out, &changed, json, "is written as a draft")
}

pub(super) async fn publish(
    client: &Client,
    room: &str,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    told(out, &client.publish(room, dry_run).await?, json, "is published")
}

pub(super) async fn archive(
    client: &Client,
    room: &str,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    told(out, &client.archive(room, dry_run).await?, json, "is archived")
}

pub(super) async fn discard(
    client: &Client,
    room: &str,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    told(out, &client.discard(room, dry_run).await?, json, "has no draft any more")
}

pub(super) async fn export(client: &Client, room: Option<&str>, out: &mut impl Write) -> anyhow::Result<()> {
    Ok(write!(out, "{}", client.export(room).await?)?)
}

fn form(new: &NewRoom) -> Form {
    Form {
        name: new.room.clone(),
        title: new.title.clone(),
        host: new.host.clone(),
        path: new.path.clone(),
        upstream: new.upstream.clone(),
        opens_at: new.opens_at.clone().unwrap_or_default(),
        starts_at: new.starts_at.clone(),
        ends_at: new.ends_at.clone(),
        zone: new.zone.clone(),
        rate: new.rate.clone(),
        cap: new.max_active.clone(),
        minutes: new.minutes.clone(),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let most = TEXT_BYTES_MAX as u64 + 1;
    match file.to_str() {
        Some("-") => {
            io::stdin().lock().take(most).read_to_string(&mut text).context("standard input cannot be read")?
        }
        _ => {
            let opened = fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
            opened.take(most).read_to_string(&mut text).with_context(|| format!("{} cannot be read", file.display()))?
        }
    };
    if text.len() > TEXT_BYTES_MAX {
        bail!("{} has more than {TEXT_BYTES_MAX} bytes: put the room into the edge's file", file.display());
    }
    Ok(text)
}

fn told(out: &mut impl Write, changed: &DefinitionChanged, json: bool, done: &str) -> anyhow::Result<()> {
    if json {
        return print_json(out, changed);
    }
    let DefinitionChanged { dry_run, id, mistakes, warnings, definition } = changed;
    let name = plain(&definition.name);
    match (dry_run, id) {
        (true, _) => writeln!(out, "{name}: nothing was changed")?,
        (false, Some(_)) => writeln!(out, "{name} {done}")?,
        (false, None) => writeln!(out, "{name}: it was so already")?,
    }
    for Mistake { file, line, key, what, remedy } in mistakes {
        writeln!(out, "{}:{line}: {}: {}\n    {}", plain(file), plain(key), plain(what), plain(remedy))?;
    }
    for warning in warnings {
        writeln!(out, "warning: {}", plain(warning))?;
    }
    if let Some(why) = &definition.left_out {
        writeln!(out, "this edge does not serve it:")?;
        lines(why).try_for_each(|line| writeln!(out, "    {line}"))?;
    }
    if id.is_some() {
        let DefinitionState { edges_known, edges_following, .. } = definition;
        writeln!(out, "{name}: {edges_following} of {edges_known} edges follow")?;
    }
    Ok(())
}

fn print_text(out: &mut impl Write, state: &DefinitionState) -> anyhow::Result<()> {
    let text = state.draft.as_ref().or(state.published.as_ref());
    let Some(WrittenDefinition { revision, at_ms, who, toml }) = text else {
        return Ok(writeln!(out, "# {}", plain(state.locked.as_deref().unwrap_or("nothing is written")))?);
    };
    let what = match (&state.draft, state.is_archived) {
        (Some(_), _) => "draft",
        (None, true) => "archived",
        (None, false) => "published",
    };
    writeln!(out, "# {what}: revision {revision}, {} by {}", time(*at_ms), plain(who))?;
    Ok(lines(toml).try_for_each(|line| writeln!(out, "{line}"))?)
}

fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| plain(&line.replace('\t', "    ")))
}
