//! All that a decision may know of a request.

use std::net::IpAddr;

use crate::model::route::Scheme;

/// A request as the decision sees it. Everything is borrowed from the request's head.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'r> {
    pub scheme: Scheme,
    /// Lower case, without port and trailing dot (FD-B4).
    pub host: &'r str,
    /// The normalised path, case kept (FD-B13 and the reading below it).
    pub path: &'r str,
    /// Without `?`.
    pub query: Option<&'r str>,
    /// FD-E17.
    pub client: IpAddr,
    /// Values of the cookies `ASLBSA` and `ASLBSACORS` (FD-D15, FD-D19).
    pub affinity: [Option<&'r str>; 2],
}
