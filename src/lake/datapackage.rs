//! `datapackage.json`: the tables described to machines, as a Tabular Data Package
//! (<https://specs.frictionlessdata.io/tabular-data-package/>).
//!
//! Sizes are not in it but in the manifest: Frictionless's own program counts no bytes of Parquet, and
//! calls every table invalid that has a size. Of a table's files it reads the first alone.

use serde_json::{Value, json};

use super::column::{Column, Kind};
use super::manifest::Manifest;
use super::table::Table;

/// The descriptor of the generation of `manifest`.
pub(super) fn text(manifest: &Manifest) -> String {
    let resources: Vec<Value> = Table::ALL
        .into_iter()
        .map(|table| resource(table, manifest))
        .collect();
    let package = json!({
        "profile": "tabular-data-package",
        "name": "twsync-customers",
        "id": manifest.generation,
        "title": "Customers of the ThreatWinds billing system",
        "version": format!("{}.0.0", manifest.schema_version),
        "created": manifest.instant.to_string(),
        "resources": resources,
    });
    format!("{package:#}\n")
}

fn resource(table: Table, manifest: &Manifest) -> Value {
    let paths: Vec<&str> = manifest
        .of(table)
        .map(|entry| entry.path.as_str())
        .collect();
    let columns = table.columns();
    let mut schema = json!({ "fields": columns.iter().map(field).collect::<Vec<_>>() });
    if has_primary_key(table, &columns) {
        schema["primaryKey"] = json!(table.key());
    }
    json!({
        "profile": "tabular-data-resource",
        "name": table.folder().replace('_', "-"),
        "title": table.view(),
        "description": table.meaning(),
        "path": paths,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "encoding": "utf-8",
        "schema": schema,
    })
}

/// Whether the table's key is one as the specification has it: in the files, and never null in part.
fn has_primary_key(table: Table, columns: &[Column]) -> bool {
    let always_there: Vec<String> = columns
        .iter()
        .filter(|column| column.required)
        .map(Column::name)
        .collect();
    let mut key = table.key().iter();
    key.all(|part| always_there.iter().any(|name| name == part))
}

fn field(column: &Column) -> Value {
    let (kind, format) = match column.kind {
        Kind::Id => ("string", "uuid"),
        Kind::Text => ("string", "default"),
        Kind::Integer => ("integer", "default"),
        Kind::Flag => ("boolean", "default"),
        Kind::Instant => ("datetime", "default"),
        Kind::Day => ("date", "default"),
    };
    let mut field = json!({
        "name": column.name(),
        "type": kind,
        "format": format,
        "description": column.meaning(),
        "unit": column.unit.words(),
        "apiName": column.api_name(),
        "constraints": { "required": column.required },
    });
    // Frictionless's own program reads by pandas, where an integer that is missing is not a number.
    if column.kind == Kind::Integer && !column.required {
        field["missingValues"] = json!(["", "nan"]);
    }
    field
}
