//! The only Arrow and Parquet.
