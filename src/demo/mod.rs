//! Stand-in regional stacks for the demo and for tests: a bot API and a QnA Maker per region, in this process, each
//! on its region's own loopback address. A region can be killed and revived.

pub mod service;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::model::table::Table;
use service::{Kind, Service};

/// One service that may run.
#[derive(Debug)]
struct Place {
    service: Arc<Service>,
    address: SocketAddr,
    running: Option<Running>,
}

/// A running service: a thread, so that killing it closes everything at once.
#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// All stand-ins of a table.
#[derive(Debug)]
pub struct StandIns {
    places: Vec<Place>,
}

/// A stand-in cannot listen on its address.
#[derive(Debug, thiserror::Error)]
#[error("the stand-in {name} cannot listen on {address}: {cause}")]
pub struct NoPlace {
    pub name: String,
    pub address: SocketAddr,
    pub cause: io::Error,
}

impl StandIns {
    /// Starts one service per origin that is an address: QnA Maker for groups whose name begins with `qna`, else
    /// the bot API.
    ///
    /// # Errors
    /// An address is taken.
    pub fn start(table: &Table) -> Result<Self, NoPlace> {
        let mut all = Self { places: Vec::new() };
        for origin in &table.origins {
            let Some(ip) = origin.host.ip() else { continue };
            let group = table.group(origin.group).name.as_str();
            let kind = if group.starts_with("qna") { Kind::QnaMaker } else { Kind::BotApi };
            let region =
                origin.region.map_or_else(|| String::from("none"), |id| table.region(id).name.to_string());
            let service = Arc::new(Service::new(kind, region, origin.name.to_string()));
            let address = SocketAddr::new(ip, origin.http_port.get());
            let mut place = Place { service, address, running: None };
            place.start()?;
            all.places.push(place);
        }
        Ok(all)
    }

    /// Kills every service of a region: connections break, new ones are refused. How many there were.
    pub fn kill(&mut self, region: &str) -> usize {
        let hit = self.places.iter_mut().filter(|p| p.service.region == region);
        hit.filter_map(|place| place.running.take()).map(Running::stop).count()
    }

    /// Starts what was killed of a region. How many there are.
    ///
    /// # Errors
    /// An address is taken meanwhile.
    pub fn revive(&mut self, region: &str) -> Result<usize, NoPlace> {
        let mut count = 0;
        for place in self.places.iter_mut().filter(|p| p.service.region == region && p.running.is_none()) {
            place.start()?;
            count += 1;
        }
        Ok(count)
    }

    /// Regions with a service, without repetition.
    pub fn regions(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.places.iter().map(|p| p.service.region.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Instance, address, whether it runs.
    pub fn list(&self) -> impl Iterator<Item = (&str, SocketAddr, bool)> {
        self.places.iter().map(|p| (p.service.instance.as_str(), p.address, p.running.is_some()))
    }
}

impl Place {
    fn start(&mut self) -> Result<(), NoPlace> {
        let (name, address) = (self.service.instance.clone(), self.address);
        let failed = |cause| NoPlace { name: name.clone(), address, cause };
        let listener = std::net::TcpListener::bind(self.address).map_err(failed)?;
        // Port 0 has become a port.
        self.address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let service = self.service.clone();
        let run = move || {
            runtime.block_on(service::serve(service, listener, stopped));
            // Whatever runs on it is dropped with the runtime: connections close here.
            drop(runtime);
        };
        let thread =
            std::thread::Builder::new().name(self.service.instance.clone()).spawn(run).map_err(failed)?;
        self.running = Some(Running { stop, thread });
        Ok(())
    }
}

impl Running {
    fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("a stand-in panicked");
        }
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        self.places.iter_mut().filter_map(|place| place.running.take()).for_each(Running::stop);
    }
}
