//! Domain policies as rustls server configurations (FD-H1 to FD-H8).
