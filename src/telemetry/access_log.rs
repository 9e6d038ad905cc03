//! Access lines: handed over by the workers, written by one thread, dropped and counted when it cannot keep up.
