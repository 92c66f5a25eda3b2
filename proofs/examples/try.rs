//! scratch
use livebus_core::Action::{Discard, Renew, SendLiveness, SetStatus, Start};
use livebus_proofs::explore::{Universe, World, always_leads_to, checker, explorer, universes};
fn short(a: &livebus_core::Action) -> String {
    match a {
        SetStatus(r) => format!(
            "{}({:?},{:?})",
            r.status,
            r.cause.name(),
            r.cause.failure().map(|f| f.class)
        ),
        SendLiveness { id, .. } => format!("Ask {}", id.number()),
        Start { attempt, .. } => format!("Start a{attempt}"),
        Renew { .. } => "Renew".into(),
        Discard { id } => format!("Discard {}", id.number()),
        o => format!("{o:?}").chars().take(30).collect(),
    }
}
fn main() {
    let want: Vec<String> = std::env::args().skip(1).collect();
    let mut all = universes();
    all.push(livebus_proofs::explore::everything());
    for u in all {
        if !want.is_empty() && !want.iter().any(|w| w == u.name) {
            continue;
        }
        let t = std::time::Instant::now();
        match explorer::explore(&u, 6_000_000) {
            Ok(e) => {
                println!(
                    "{}: {} states {} edges, detected {:?}, bound {:?}, {:?}",
                    u.name,
                    e.states.len(),
                    e.edges.len(),
                    e.detected_after,
                    u.config.detection_bound(),
                    t.elapsed()
                );
                if let Some((s, c)) = e.broken {
                    println!("BROKEN {c} at {s}");
                    replay(&u, &e, s);
                } else {
                    let t = std::time::Instant::now();
                    let o = always_leads_to::always_leads_to(&u, &e);
                    println!("   {:?} {:?}", o, t.elapsed());
                    let t = std::time::Instant::now();
                    println!(
                        "   stateright {:?} {:?}",
                        checker::check(&u, 2),
                        t.elapsed()
                    );
                    for (claim, st) in &o.broken {
                        println!("{claim} broken at {st}: {:?}", e.states[*st as usize]);
                        replay(&u, &e, *st);
                        if *claim == "V4" {
                            walk(&u, &e, *st);
                        }
                    }
                }
            }
            Err(n) => println!("{}: more than {n}, {:?}", u.name, t.elapsed()),
        }
    }
}
fn replay(u: &Universe, e: &explorer::Explored, s: u32) {
    let way = e.way_to(s);
    let mut w = World::first(u);
    for pair in way.windows(2) {
        let Some(edge) = e
            .edges_by(pair[0])
            .iter()
            .find(|x| x.to == pair[1])
            .copied()
        else {
            println!("?");
            break;
        };
        let (n, step) = w.after(u, edge.what);
        println!(
            "{:?} -> {}",
            edge.what,
            step.actions
                .iter()
                .map(short)
                .collect::<Vec<_>>()
                .join("; ")
        );
        w = n;
    }
}

fn walk(u: &Universe, e: &explorer::Explored, s: u32) {
    use livebus_proofs::explore::Move;
    fn go(e: &explorer::Explored, s: u32, left: u32, depth: u32, path: &mut Vec<u32>) -> bool {
        path.push(s);
        if left == 0 {
            return true;
        }
        if depth > 0 {
            for x in e.edges_of(s) {
                if x.tries || matches!(x.what, Move::Sleep(_) | Move::Traffic(_)) {
                    continue;
                }
                if let Move::Answer(livebus_proofs::explore::Operation::Liveness, f) = x.what {
                    if f.is_none_or(|c| c.kind() == livebus_core::FailureKind::Answer) {
                        continue;
                    }
                }
                if go(
                    e,
                    x.to,
                    left - u32::from(x.what == Move::Tick),
                    depth - 1,
                    path,
                ) {
                    return true;
                }
            }
        }
        path.pop();
        false
    }
    for d in 4..14 {
        let mut p = vec![];
        if go(e, s, 4, d, &mut p) {
            println!("--- walk");
            for q in p.windows(2) {
                let x = e.edges_of(q[0]).iter().find(|x| x.to == q[1]).unwrap();
                println!("{:?} -> {:?}", x.what, e.states[x.to as usize]);
            }
            break;
        }
    }
    let _ = u;
}
