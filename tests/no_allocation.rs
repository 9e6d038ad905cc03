//! A decision allocates nothing: route, origin group and origin, on a table of thousands of routes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tidegate::config;
use tidegate::decide::facts::RequestFacts;
use tidegate::decide::pick::{Tried, pick_origin};
use tidegate::decide::ports::{Dice, Silent};
use tidegate::decide::request::{Decision, for_request};
use tidegate::model::group::GroupId;
use tidegate::model::health_view::HealthView;
use tidegate::model::orders::Orders;
use tidegate::model::route::Scheme;
use tidegate::model::snapshot::{Generation, Snapshot};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches a thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Turns(u64);

impl Dice for Turns {
    fn turn(&mut self, _: GroupId) -> u64 {
        self.0 += 1;
        self.0
    }
    fn roll(&mut self, _: u32) -> u32 {
        50
    }
}

#[test]
fn decisions_allocate_nothing() {
    let origins: String = (0..20)
        .map(|i| {
            format!(
                "[origin_groups.g.origins.o{i}]\nregion = \"r\"\nhost = \"o{i}.test\"\nweight = {}\n",
                i + 1
            )
        })
        .collect();
    let routes: String = (0..100)
        .map(|i| format!("[routes.r{i}]\ndomains = [\"d{i}.test\"]\norigin_group = \"g\"\npatterns = [\"/*\", \"/api/v{i}/*\", \"/exact\"]\n"))
        .collect();
    let text = format!(
        "[regions.r]\ndial = 60\n[origin_groups.g]\nsession_affinity = true\nhealth_probe = {{}}\n{origins}{routes}"
    );
    let table = config::read("t", &text).expect("a table").table;
    let health = Arc::new(HealthView::all_up(table.origins.len()));
    let snapshot = Snapshot::new(Generation(1), Arc::new(table), health, &Orders::default());
    let cookie = snapshot.table.origins[7].affinity_value.clone();
    let mut dice = Turns(0);
    let before = COUNT.with(Cell::get);
    let mut forwarded = 0;
    for (host, path) in
        [("d7.test", "/API/V7/Some/Path"), ("d99.test", "/exact"), ("d1.test", "/"), ("none.test", "/")]
    {
        for affinity in [[None, None], [Some(cookie.as_str()), None]] {
            let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let facts =
                RequestFacts { scheme: Scheme::Https, host, path, query: Some("q"), client, affinity };
            if let Decision::Forward { group, .. } = for_request(&snapshot.table, &facts) {
                let pick = pick_origin(&snapshot, group, affinity, &Tried::default(), &mut dice, &mut Silent);
                forwarded += usize::from(pick.is_some());
            }
        }
    }
    let allocated = COUNT.with(Cell::get) - before;
    assert_eq!((forwarded, allocated), (6, 0));
}
