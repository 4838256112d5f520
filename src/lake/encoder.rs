//! Threads that encode columns: each takes every batch, and of it every second column.
//!
//! Encoding (differences, dictionaries, compression, statistics, the filter of ids) is half of the
//! work of publishing. The columns of a row group are independent of each other, so two threads
//! halve it, and what comes out does not depend on who was faster.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;

/// Threads of a file. More would wait for the one that reads the mirror.
const THREADS: usize = 2;

/// Batches that wait for a thread, at most.
const BATCHES_WAITING: usize = 6;

/// Row groups of a thread that wait to be put into the file, at most.
const GROUPS_WAITING: usize = 1;

/// The encoders of one file, or of its last columns.
pub(super) struct Encoders(Vec<Thread>);

struct Thread {
    orders: SyncSender<Order>,
    handle: JoinHandle<Result<()>>,
}

/// A thread that takes no more orders; [`Encoders::end`] says why.
pub(super) struct Gone;

/// A row group's columns, encoded, in the schema's order.
pub(super) type Chunks = Vec<ArrowColumnChunk>;

/// Columns of one row group from one thread, by their place in the schema.
type Part = Vec<(usize, ArrowColumnChunk)>;

/// Where the row groups come out.
pub(super) struct Encoded(Vec<Receiver<Part>>);

enum Order {
    Encode(RecordBatch),
    /// The row group is complete.
    EndGroup,
}

impl Encoders {
    /// Starts the threads, for the columns from the place `first` on.
    pub(super) fn start(
        factory: &Arc<ArrowRowGroupWriterFactory>,
        first: usize,
    ) -> std::io::Result<(Self, Encoded)> {
        let mut threads = Vec::new();
        let mut encoded = Vec::new();
        for number in 0..THREADS {
            let columns = Columns::new(first, number, factory.clone());
            let (thread, parts) = Thread::start(number, columns)?;
            threads.push(thread);
            encoded.push(parts);
        }
        Ok((Self(threads), Encoded(encoded)))
    }

    /// Encodes a batch, some time.
    pub(super) fn encode(&self, batch: &RecordBatch) -> std::result::Result<(), Gone> {
        self.order(|| Order::Encode(batch.clone()))
    }

    /// Ends the row group of all batches so far.
    pub(super) fn end_group(&self) -> std::result::Result<(), Gone> {
        self.order(|| Order::EndGroup)
    }

    /// Waits until all orders are carried out; an error where one could not be.
    pub(super) fn end(self) -> Result<()> {
        // All are told before one is waited for.
        let (orders, handles): (Vec<_>, Vec<_>) = self
            .0
            .into_iter()
            .map(|thread| (thread.orders, thread.handle))
            .unzip();
        drop(orders);
        let ended = |handle: JoinHandle<_>| {
            handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        handles.into_iter().try_for_each(ended)
    }

    fn order(&self, order: impl Fn() -> Order) -> std::result::Result<(), Gone> {
        self.0
            .iter()
            .try_for_each(|thread| thread.orders.send(order()).map_err(|_| Gone))
    }
}

impl Encoded {
    /// The row groups in their order, as they are ended, until the encoders end.
    pub(super) fn into_groups(self) -> impl Iterator<Item = Chunks> {
        std::iter::from_fn(move || {
            let mut parts = Vec::new();
            for thread in &self.0 {
                parts.extend(thread.recv().ok()?);
            }
            parts.sort_by_key(|(place, _)| *place);
            Some(parts.into_iter().map(|(_, chunk)| chunk).collect())
        })
    }
}

impl Thread {
    fn start(number: usize, columns: Columns) -> std::io::Result<(Self, Receiver<Part>)> {
        let (orders, incoming) = sync_channel(BATCHES_WAITING);
        let (outgoing, parts) = sync_channel(GROUPS_WAITING);
        let handle = std::thread::Builder::new()
            .name(format!("lake-encoder-{number}"))
            .spawn(move || columns.run(&incoming, &outgoing))?;
        Ok((Self { orders, handle }, parts))
    }
}

/// What one thread encodes.
struct Columns {
    /// The place of the first column that is encoded at all.
    first: usize,
    number: usize,
    factory: Arc<ArrowRowGroupWriterFactory>,
    /// Its columns of the row group in the making, by their place in the schema.
    writers: Vec<(usize, ArrowColumnWriter)>,
    groups: usize,
}

impl Columns {
    fn new(first: usize, number: usize, factory: Arc<ArrowRowGroupWriterFactory>) -> Self {
        Self {
            first,
            number,
            factory,
            writers: Vec::new(),
            groups: 0,
        }
    }

    /// Until nobody gives orders any more, or nobody wants what they come to.
    fn run(mut self, orders: &Receiver<Order>, parts: &SyncSender<Part>) -> Result<()> {
        for order in orders {
            match order {
                Order::Encode(batch) => self.encode(&batch)?,
                Order::EndGroup => {
                    if parts.send(self.end_group()?).is_err() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.writers.is_empty() {
            let all = self.factory.create_column_writers(self.groups)?;
            let mine = all.into_iter().enumerate().skip(self.first + self.number);
            self.writers = mine.step_by(THREADS).collect();
            self.groups += 1;
        }
        for (place, writer) in &mut self.writers {
            // No column is nested, so each is one leaf.
            let place = *place - self.first;
            for leaf in compute_leaves(batch.schema_ref().field(place), batch.column(place))? {
                writer.write(&leaf)?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<Part> {
        self.writers
            .drain(..)
            .map(|(place, writer)| Ok((place, writer.close()?)))
            .collect()
    }
}
