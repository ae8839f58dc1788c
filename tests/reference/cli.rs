//! `cli.md`: the help of every command, and the environment variables that they read.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Command, CommandFactory};
use fairgate::cli::Cli;

use crate::GENERATED;

const COLUMNS: usize = 110;

const HEAD: &str = "\
What `--help` prints for each command. `-h` prints a shorter text. Exit code 0 means success, 1 a
failure and 2 a mistake in the command line, unless the text of a command says otherwise. Results
go to standard output, reasons to standard error.

`fairgate demo` and `fairgate provider` are for trials. The image is built without them.
";

/// The document.
pub(crate) fn document() -> String {
    let mut root = Cli::command().term_width(COLUMNS);
    root.build();
    let mut text = format!("# Command line\n\n{GENERATED}\n\n{HEAD}\n");
    let mut variables = BTreeMap::new();
    let mut helps = String::new();
    describe(&root, &mut helps, &mut variables);
    text.push_str("## Environment variables of options\n\nAn option that is given wins over its variable.\n\n");
    text.push_str("| variable | option | commands |\n|---|---|---|\n");
    for ((variable, option), commands) in variables {
        let commands = commands.into_iter().map(|command: String| format!("`{command}`")).collect::<Vec<_>>();
        writeln!(text, "| `{variable}` | `{option}` | {} |", commands.join(", ")).unwrap();
    }
    text.push_str(&helps);
    text
}

type Variables = BTreeMap<(String, String), Vec<String>>;

fn describe(command: &Command, text: &mut String, variables: &mut Variables) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.clone().term_width(COLUMNS).render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        if let (Some(variable), Some(option)) = (argument.get_env(), argument.get_long()) {
            let key = (variable.to_string_lossy().into_owned(), format!("--{option}"));
            let commands = variables.entry(key).or_default();
            // An option of a command is one of those below it, too.
            if !commands.iter().any(|above| name.starts_with(&format!("{above} "))) {
                commands.push(name.clone());
            }
        }
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set()) {
        describe(below, text, variables);
    }
}
