//! What stands in the tables: columns, types, values, and what is said of them.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, LogicalType};
use parquet::file::metadata::SortingColumn;
use parquet::file::reader::{FileReader, SerializedFileReader};
use twsync::customer::{Customer, Field};
use twsync::lake::column::{Column, Kind, Unit};
use twsync::lake::table::Table;
use twsync::mirror::Settlement;
use twsync::report::Counts;

use crate::world::{World, customer, customers, id, manifest, parts, tables, with_members};

/// The only batch of a small file.
fn read(path: &Path) -> RecordBatch {
    let file = File::open(path).expect("a file");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let batches: Vec<RecordBatch> = builder
        .with_batch_size(100_000)
        .build()
        .expect("a reader")
        .map(|batch| batch.expect("a batch"))
        .collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).expect("one schema")
}

/// The rows of one part of a table.
fn part(lake: &Path, table: &str, part: &str) -> RecordBatch {
    let manifest = manifest(lake);
    let files = manifest["files"].as_array().expect("files");
    let file = files
        .iter()
        .find(|file| file["table"] == table && file["part"] == part)
        .expect("the part is there");
    read(&lake.join(file["path"].as_str().expect("a path")))
}

/// All rows of a table, file after file.
fn whole(lake: &Path, table: &str) -> RecordBatch {
    let batches: Vec<RecordBatch> = parts(lake, table)
        .iter()
        .map(|it| part(lake, table, it))
        .collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).expect("one schema")
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let values = batch.column_by_name(column).expect("the column");
    let values = values.as_string::<i32>().iter();
    values.map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn every_column_says_what_it_is() {
    for table in Table::ALL {
        assert!(!table.meaning().is_empty());
        let names: Vec<String> = table.columns().iter().map(Column::name).collect();
        let partition = table.partition().map(|column| column.name());
        for key in table.key() {
            let mut all = names.iter().chain(&partition);
            assert!(all.any(|name| name == key), "{table:?} {key}");
        }
        for key in table.order() {
            assert!(names.iter().any(|name| name == key), "{table:?} {key}");
        }
        for column in table.columns().iter().chain(&table.partition()) {
            let name = column.name();
            assert!(
                column.meaning().ends_with('.'),
                "{table:?}.{name} has a meaning"
            );
            assert_ne!(column.api_name(), Some(""), "{table:?}.{name} has a name");
            assert_ne!(column.unit, Unit::Count(""), "{table:?}.{name} has a unit");
            let snake = |it: char| it.is_ascii_lowercase() || it == '_';
            assert!(name.chars().all(snake), "{table:?}.{name}");
            let counts = column.kind == Kind::Integer;
            assert!(
                !counts || column.unit != Unit::None,
                "{table:?}.{name} counts something"
            );
        }
    }
}

#[test]
fn every_column_of_the_api_is_there_under_its_name() {
    let api = [
        "id",
        "name",
        "createdAt",
        "tierName",
        "tierID",
        "subscriptionStatus",
        "subscriptionEnabled",
        "memberCount",
        "ownerUserID",
    ];
    for table in [
        Table::Current,
        Table::Snapshot,
        Table::History,
        Table::Changes,
    ] {
        let columns = table.columns();
        for name in api {
            assert!(
                columns.iter().any(|it| it.api_name() == Some(name)),
                "{table:?} {name}"
            );
        }
    }
}

#[test]
fn current_holds_the_living_customers_with_their_values() {
    let mut world = World::new();
    world.find(&customers(0..20));
    world.lose(&[id(4)]);
    world.publish();
    let batch = read(&world.lake().join("current/customers.parquet"));
    let expected: Vec<_> = (0..20).filter(|number| *number != 4).collect();
    let ids: Vec<_> = expected
        .iter()
        .map(|it| Some(id(*it).to_string()))
        .collect();
    assert_eq!(texts(&batch, "id"), ids, "sorted by created_at");
    let names: Vec<_> = expected
        .iter()
        .map(|it| customer(*it).name.text().map(str::to_owned))
        .collect();
    assert_eq!(texts(&batch, "name"), names, "byte for byte");
    assert!(
        batch.column_by_name("extra").is_none(),
        "what is not declared stays in the mirror"
    );
    assert!(batch.column_by_name("snapshot_date").is_none());
    let verified = batch
        .column_by_name("detail_verified_at")
        .expect("the column");
    assert_eq!(verified.null_count(), 0);
}

#[test]
fn types_are_those_that_every_reader_opens() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let batch = read(&world.lake().join("current/customers.parquet"));
    let of = |name: &str| batch.schema().field_with_name(name).expect(name).clone();
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for (name, data_type, nullable) in [
        ("id", DataType::Utf8, false),
        ("name", DataType::Utf8, true),
        ("member_count", DataType::Int64, true),
        ("subscription_enabled", DataType::Boolean, true),
        ("created_at", utc.clone(), true),
        ("created_date", DataType::Date32, true),
        ("first_seen_at", utc, false),
    ] {
        assert_eq!(
            (of(name).data_type(), of(name).is_nullable()),
            (&data_type, nullable),
            "{name}"
        );
    }
    assert!(of("tier_id").metadata()["description"].contains("tierID (details only)"));
}

#[test]
fn files_are_laid_out_as_promised() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let file = File::open(world.lake().join("current/customers.parquet")).expect("a file");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let group = reader.metadata().row_group(0);
    for column in group.columns() {
        let name = column.column_path().string();
        assert!(
            matches!(column.compression(), Compression::ZSTD(_)),
            "{name}"
        );
        assert!(column.statistics().is_some(), "{name}");
        assert!(
            column.column_index_offset().is_some(),
            "{name} has statistics of pages"
        );
        assert_eq!(
            column.bloom_filter_offset().is_some(),
            name == "id",
            "{name}"
        );
        let encodings: Vec<Encoding> = column.encodings().collect();
        let expected = match name.as_str() {
            "id" | "name" | "owner_user_id" => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            "subscription_enabled" => Encoding::PLAIN,
            "tier_name" | "tier_id" | "subscription_status" | "member_count" => {
                Encoding::RLE_DICTIONARY
            }
            _ => Encoding::DELTA_BINARY_PACKED,
        };
        assert!(encodings.contains(&expected), "{name}: {encodings:?}");
    }
    let sorting = group.sorting_columns().expect("an order");
    let names = sorting.iter().map(|it| {
        let place = usize::try_from(it.column_idx).expect("a place");
        group.column(place).column_path().string()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["created_at", "id"]);
    let nulls_are_first = |it: &SortingColumn| it.nulls_first && !it.descending;
    assert!(sorting.iter().all(nulls_are_first), "{sorting:?}");
    let metadata = reader.metadata().file_metadata();
    let keys: Vec<&str> = metadata
        .key_value_metadata()
        .expect("metadata")
        .iter()
        .map(|pair| pair.key.as_str())
        .collect();
    for key in ["generator", "schema_version", "run", "grade", "as_of"] {
        assert!(
            keys.contains(&format!("twsync.{key}").as_str()),
            "{key}: {keys:?}"
        );
    }
}

#[test]
fn native_ids_are_of_parquets_own_type() {
    let mut world = World::new();
    world.write_native_ids();
    world.find(&customers(0..3));
    world.publish();
    let path = world.lake().join("current/customers.parquet");
    let reader = SerializedFileReader::new(File::open(&path).expect("a file")).expect("Parquet");
    let column = reader.metadata().file_metadata().schema_descr().column(0);
    assert_eq!(column.logical_type_ref(), Some(&LogicalType::Uuid));
    let ids = read(&path);
    let ids = ids.column(0).as_fixed_size_binary();
    assert_eq!(ids.value(0), id(0).as_bytes());
    assert_eq!(world.verify(), []);
}

#[test]
fn changes_tell_what_was_before() {
    let mut world = World::new();
    world.find(&customers(0..2));
    world.find(&[with_members(1, 99)]);
    world.lose(&[id(1)]);
    world.publish();
    let batch = whole(&world.lake(), "customers_changes");
    let ops: Vec<_> = texts(&batch, "op").into_iter().flatten().collect();
    assert_eq!(ops, ["baseline", "baseline", "update", "delete"]);
    let members = |column: &str| -> Vec<Option<i64>> {
        let values = batch.column_by_name(column).expect("the column");
        values
            .as_primitive::<arrow::datatypes::Int64Type>()
            .iter()
            .collect()
    };
    assert_eq!(
        members("member_count"),
        [Some(0), Some(1), Some(99), Some(99)]
    );
    assert_eq!(members("old_member_count"), [None, None, Some(1), Some(99)]);
}

#[test]
fn history_has_every_version_once() {
    let mut world = World::new();
    world.find(&customers(0..2));
    world
        .at("2026-02-04T10:00:00Z")
        .find(&[with_members(1, 99)]);
    world.publish();
    let closed = part(&world.lake(), "customers_history", "2026-02");
    let open = part(&world.lake(), "customers_history", "open");
    let current = |batch: &RecordBatch| -> Vec<bool> {
        let values = batch.column_by_name("is_current").expect("the column");
        values.as_boolean().values().iter().collect()
    };
    assert_eq!(
        (current(&closed), current(&open)),
        (vec![false], vec![true, true])
    );
    let ends = closed.column_by_name("valid_to").expect("the column");
    assert_eq!(ends.null_count(), 0);
}

#[test]
fn daily_counts_add_up_to_each_days_snapshot() {
    let mut world = World::new();
    world.at("2026-02-01T10:00:00Z").find(&customers(0..30));
    world.at("2026-02-03T10:00:00Z").lose(&[id(0), id(1)]);
    world.publish();
    let batch = part(&world.lake(), "customers_daily", "all");
    let days = batch
        .column(0)
        .as_primitive::<arrow::datatypes::Date32Type>();
    let counts = batch.column_by_name("customers").expect("the column");
    let counts = counts.as_primitive::<arrow::datatypes::Int64Type>();
    let mut sums = std::collections::BTreeMap::new();
    for (day, count) in days.values().iter().zip(counts.values()) {
        *sums.entry(*day).or_insert(0) += count;
    }
    assert_eq!(sums.into_values().collect::<Vec<_>>(), [30, 30, 28]);
}

#[test]
fn more_members_than_a_column_can_say_are_as_many_as_it_can() {
    for (members, expected) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
        let mut world = World::new();
        world.find(&[with_members(1, members), with_members(2, members)]);
        world.at("2026-03-03T10:00:00Z").lose(&[id(1)]);
        world.publish();
        assert_eq!(world.verify(), []);
        let batch = part(&world.lake(), "customers_daily", "all");
        let found = batch.column_by_name("members").expect("the column");
        let found = found.as_primitive::<arrow::datatypes::Int64Type>().values();
        assert!(found.iter().all(|it| *it == expected), "{found:?}");
    }
}

#[test]
fn no_table_holds_what_was_not_declared() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    for (path, contents) in tables(&world.lake()) {
        let shown = contents.windows(11).any(|bytes| bytes == b"example.com");
        assert!(!shown, "{}", path.display());
    }
}

/// All rows of a part, a line each; runs by their number, oldest first, for their ids are random.
fn lines(batch: &RecordBatch, runs: &[String]) -> String {
    // Arrow shows instants in a zone only where it needs no table of zones for that.
    let shown = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(..) => {
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            Arc::new(instants.clone().with_timezone("+00:00"))
        }
        _ => Arc::clone(column),
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(shown).collect();
    let options = FormatOptions::default().with_null("-");
    let columns: Vec<ArrayFormatter<'_>> = columns
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).expect("it can be shown"))
        .collect();
    let mut text: String = (0..batch.num_rows())
        .map(|row| {
            let cells: Vec<String> = columns.iter().map(|it| it.value(row).to_string()).collect();
            cells.join(" | ") + "\n"
        })
        .collect();
    for (number, run) in runs.iter().enumerate() {
        text = text.replace(run, &format!("run {number}"));
    }
    text
}

/// Everything that can happen to a customer, and what each table makes of it, value by value.
#[test]
fn a_life_is_told_by_every_table() {
    let mut world = World::new();
    let short = |number, members| Customer {
        name: Field::Value(format!("Customer {number}")),
        ..with_members(number, members)
    };
    world.at("2026-01-30T10:00:00Z");
    let mut runs = vec![world.find(&[short(1, 10), short(2, 20)])];
    world.at("2026-01-31T23:00:00Z");
    runs.push(world.find(&[short(1, 11)]));
    world.at("2026-02-01T10:00:00Z");
    runs.push(world.find(&[short(2, 20), short(3, 30)]));
    world.publish();
    world.at("2026-02-02T10:00:00Z");
    runs.push(world.lose(&[id(1)]));
    world.at("2026-02-03T10:00:00Z");
    runs.push(world.find(&[short(1, 12)]));
    world.at("2026-02-04T10:00:00Z");
    let unlisted = Settlement::Unlisted(Box::new(short(2, 20)));
    runs.push(world.run(vec![(id(2), unlisted)]));
    world.publish();
    assert_eq!(world.verify(), []);
    let runs: Vec<String> = runs.iter().map(|run| run.id.to_string()).collect();
    let mut told = String::new();
    for table in Table::ALL {
        let names: Vec<String> = table.columns().iter().map(Column::name).collect();
        told += &format!("{}: {}\n", table.folder(), names.join(" | "));
        for name in parts(&world.lake(), table.folder()) {
            let batch = part(&world.lake(), table.folder(), &name);
            told += &format!("  {name}\n{}", lines(&batch, &runs));
        }
    }
    insta::assert_snapshot!(told);
}

/// The counts of a run, each under its own name.
#[test]
fn what_a_run_counted_stands_under_its_name() {
    let mut world = World::new();
    let mut report = world.find(&customers(0..3));
    for (number, (_, of)) in (100..).zip(Counts::ALL) {
        *of(&mut report.counts) = number;
    }
    let expected = serde_json::to_value(report.counts).expect("JSON");
    world.ends(&report);
    world.publish();
    let batch = part(&world.lake(), "runs", "all");
    for (name, number) in expected.as_object().expect("counts by name") {
        let found = batch.column_by_name(name).expect(name);
        let found = found.as_primitive::<arrow::datatypes::Int64Type>().value(0);
        assert_eq!(Some(found), number.as_i64(), "{name}");
    }
}

#[test]
fn documents_name_every_table_column_and_file() {
    let mut world = World::new();
    world.find(&customers(0..3));
    world.publish();
    let text = |name: &str| fs::read_to_string(world.lake().join(name)).expect("a document");
    let (sql, readme) = (text("analytics.sql"), text("README.md"));
    let package: serde_json::Value = serde_json::from_str(&text("datapackage.json")).expect("JSON");
    for table in Table::ALL {
        for column in table.columns().iter().chain(&table.partition()) {
            let name = column.name();
            assert!(
                sql.contains(&format!("COLUMN {}.{name} IS", table.view())),
                "{name}"
            );
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        }
    }
    assert!(readme.contains("One row for each: `snapshot_date`, `id`."));
    let resources = package["resources"].as_array().expect("resources");
    assert_eq!(resources.len(), Table::ALL.len());
    for path in tables(&world.lake()).keys() {
        // A name that another generation's file will have must not stand for this one's.
        let pinned = !path.starts_with("current");
        let named = sql.contains(&path.display().to_string());
        assert_eq!(named, pinned, "{}", path.display());
    }
}
