//! How long detection and recovery take, computed (FD-N1, FD-N2).
