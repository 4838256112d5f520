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
use parquet::errors::{ParquetError, Result};

/// Threads of a file. More would wait for the one that reads the mirror.
const THREADS: usize = 2;

/// Batches that wait for a thread, at most.
const BATCHES_WAITING: usize = 2;

/// The encoders of one file, or of its last columns.
pub(super) struct Encoders {
    threads: Vec<Thread>,
}

struct Thread {
    orders: SyncSender<Order>,
    chunks: Receiver<Chunks>,
    handle: JoinHandle<Result<()>>,
}

/// Columns of one row group, encoded, by their place in the schema.
type Chunks = Vec<(usize, ArrowColumnChunk)>;

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
    ) -> std::io::Result<Self> {
        let threads = (0..THREADS)
            .map(|number| Thread::start(number, Columns::new(first, number, factory.clone())))
            .collect::<std::io::Result<_>>()?;
        Ok(Self { threads })
    }

    /// Encodes a batch, some time.
    pub(super) fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        self.order(|| Order::Encode(batch.clone()))
    }

    /// Ends the row group of all batches so far.
    pub(super) fn end_group(&mut self) -> Result<()> {
        self.order(|| Order::EndGroup)
    }

    /// The columns of the first row group that was ended and not collected, in the schema's order.
    pub(super) fn collect(&mut self) -> Result<Vec<ArrowColumnChunk>> {
        let mut all = Vec::new();
        for number in 0..self.threads.len() {
            match self.threads[number].chunks.recv() {
                Ok(chunks) => all.extend(chunks),
                Err(_gone) => return Err(self.failure(number)),
            }
        }
        all.sort_by_key(|(place, _)| *place);
        Ok(all.into_iter().map(|(_, chunk)| chunk).collect())
    }

    fn order(&mut self, order: impl Fn() -> Order) -> Result<()> {
        for number in 0..self.threads.len() {
            if self.threads[number].orders.send(order()).is_err() {
                return Err(self.failure(number));
            }
        }
        Ok(())
    }

    /// Why this thread ended while there were orders for it.
    fn failure(&mut self, number: usize) -> ParquetError {
        let ended = self.threads.swap_remove(number).handle.join();
        ended
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .expect_err("a thread ends of itself only where it failed")
    }
}

impl Thread {
    fn start(number: usize, columns: Columns) -> std::io::Result<Self> {
        let (orders, incoming) = sync_channel(BATCHES_WAITING);
        let (outgoing, chunks) = sync_channel(BATCHES_WAITING);
        let handle = std::thread::Builder::new()
            .name(format!("lake-encoder-{number}"))
            .spawn(move || columns.run(&incoming, &outgoing))?;
        Ok(Self {
            orders,
            chunks,
            handle,
        })
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
    fn run(mut self, orders: &Receiver<Order>, chunks: &SyncSender<Chunks>) -> Result<()> {
        for order in orders {
            match order {
                Order::Encode(batch) => self.encode(&batch)?,
                Order::EndGroup => {
                    if chunks.send(self.end_group()?).is_err() {
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

    fn end_group(&mut self) -> Result<Chunks> {
        self.writers
            .drain(..)
            .map(|(place, writer)| Ok((place, writer.close()?)))
            .collect()
    }
}
