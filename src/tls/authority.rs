//! The development authority: a certificate authority made by rcgen under the certificates folder, created once and reused.
