//! The table: everything that routes, indexed. Only `config::check` builds one from a file.

use super::domain::{Certificate, CertificateId, Domain, DomainId};
use super::expect::Expect;
use super::group::{Group, GroupId, Origin, OriginId};
use super::region::{Region, RegionId};
use super::route::{Route, RouteId};
use super::router::Router;
use super::settings::Settings;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    pub settings: Settings,
    pub regions: Vec<Region>,
    pub certificates: Vec<Certificate>,
    pub domains: Vec<Domain>,
    pub groups: Vec<Group>,
    /// Origins of all groups, those of one group side by side.
    pub origins: Vec<Origin>,
    pub routes: Vec<Route>,
    pub router: Router,
    pub expects: Vec<Expect>,
}

impl Table {
    pub fn region(&self, id: RegionId) -> &Region {
        &self.regions[id.0 as usize]
    }

    pub fn certificate(&self, id: CertificateId) -> &Certificate {
        &self.certificates[id.0 as usize]
    }

    pub fn domain(&self, id: DomainId) -> &Domain {
        &self.domains[id.0 as usize]
    }

    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.0 as usize]
    }

    pub fn origin(&self, id: OriginId) -> &Origin {
        &self.origins[id.0 as usize]
    }

    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.0 as usize]
    }

    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..self.groups.len()).map(|i| GroupId(u32::try_from(i).unwrap_or(u32::MAX)))
    }

    pub fn origin_ids(&self) -> impl Iterator<Item = OriginId> + use<> {
        (0..self.origins.len()).map(|i| OriginId(u32::try_from(i).unwrap_or(u32::MAX)))
    }

    /// The region of this name.
    pub fn region_named(&self, name: &str) -> Option<RegionId> {
        let at = self.regions.iter().position(|r| r.name.as_str() == name)?;
        Some(RegionId(u32::try_from(at).ok()?))
    }

    /// The group of this name.
    pub fn group_named(&self, name: &str) -> Option<GroupId> {
        let at = self.groups.iter().position(|g| g.name.as_str() == name)?;
        Some(GroupId(u32::try_from(at).ok()?))
    }

    /// The origin of this name in this group.
    pub fn origin_named(&self, group: GroupId, name: &str) -> Option<OriginId> {
        self.group(group).origin_ids().find(|id| self.origin(*id).name.as_str() == name)
    }

    /// Index of the domain that a host falls under: the exact name, else the wildcard (FD-B4, FD-H17).
    pub fn domain_of(&self, host: &str) -> Option<DomainId> {
        self.router.domain_of(host)
    }
}
