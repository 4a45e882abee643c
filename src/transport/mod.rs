//! Sockets, and what else belongs to the operating system.

pub(crate) mod entropy;

pub(crate) use entropy::OsEntropy;
