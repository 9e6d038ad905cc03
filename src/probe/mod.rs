//! Sends what health asks for, on a runtime that no request uses.
