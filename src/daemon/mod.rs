//! Schedule, signals, systemd.
