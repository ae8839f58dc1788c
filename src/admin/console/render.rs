//! Pages from their templates in `pages/console/`; their texts are in `words.json` beside them.
//!
//! Guarantee: everything that comes from elsewhere is escaped.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde_json::{Value as Json, json};

use super::door::{Person, version};
use super::refusal::Refused;

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../../pages/console/base.html")),
    ("audit.html", include_str!("../../../pages/console/audit.html")),
    ("change.html", include_str!("../../../pages/console/change.html")),
    ("charts.html", include_str!("../../../pages/console/charts.html")),
    ("confirm.html", include_str!("../../../pages/console/confirm.html")),
    ("enter.html", include_str!("../../../pages/console/enter.html")),
    ("login.html", include_str!("../../../pages/console/login.html")),
    ("looks.html", include_str!("../../../pages/console/looks.html")),
    ("refused.html", include_str!("../../../pages/console/refused.html")),
    ("report.html", include_str!("../../../pages/console/report.html")),
    ("room.html", include_str!("../../../pages/console/room.html")),
    ("rooms.html", include_str!("../../../pages/console/rooms.html")),
    ("sale.html", include_str!("../../../pages/console/sale.html")),
    ("sale_new.html", include_str!("../../../pages/console/sale_new.html")),
    ("sales.html", include_str!("../../../pages/console/sales.html")),
];

/// All texts of the console.
pub(super) static WORDS: LazyLock<Json> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../pages/console/words.json")).expect("words.json is read by a test")
});

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, text) in TEMPLATES {
        pages.add_template(name, text).expect("templates are read by a test");
    }
    pages
});

/// A page for somebody who is logged in, or for anybody.
pub(super) fn page(name: &str, person: Option<&Person>, values: &Json) -> Result<Response, Refused> {
    let who = person.map(|person| {
        json!({
            "name": person.caller.name,
            "role": person.caller.role,
            "form": person.form_token(),
            "secure": person.way.secure,
        })
    });
    let values = json!({ "t": &*WORDS, "version": version(), "who": who, "page": values });
    rendered(name, &values).map(|html| Html(html).into_response())
}

/// A part of a page that is the same for all who may see it.
pub(super) fn fragment(name: &str, values: &Json) -> Result<String, Refused> {
    rendered(name, &json!({ "t": &*WORDS, "page": values }))
}

fn rendered(name: &str, values: &Json) -> Result<String, Refused> {
    let rendered = PAGES.get_template(name).and_then(|template| template.render(value(values)));
    rendered.map_err(|error| Refused::Broken(format!("{name}: {error:#}")))
}

/// A text of `words.json` below two keys; the last key itself where there is none.
pub(super) fn word<'w>(group: &str, key: &'w str) -> &'w str {
    WORDS[group][key].as_str().unwrap_or(key)
}

/// JSON as templates have it.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(is) => Value::from(*is),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.iter().map(|(key, json)| (key.clone(), value(json))).collect();
            Value::from(members)
        }
    }
}
