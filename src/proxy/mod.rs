//! The HTTP corridor: a connection comes in, its requests are decided, forwarded and delivered, and recorded.
//! In walking order: [`listen`] → [`serve`] → [`arrive`] → decide → [`answer`] or [`attempt`] ([`connect`] →
//! [`forward`] → [`exchange`] → [`deliver`], or [`tunnel`]) → [`record`].

pub mod answer;
pub mod arrive;
pub mod attempt;
pub mod connect;
pub mod deliver;
pub mod exchange;
pub mod fail;
pub mod forward;
pub mod http2;
pub mod io;
pub mod line;
pub mod listen;
pub mod pool;
pub mod record;
pub mod serve;
pub mod session;
pub mod side;
pub mod tunnel;
pub mod visit;
pub mod worker;
