//! The built program as its users meet it: exit codes, data on stdout, everything else on stderr, signals, files.
//! Every edge gets free ports from the system, and every wait is for something that the edge says.

mod alone;
mod explained;
mod refused;
mod serving;
mod signals;
mod support;
