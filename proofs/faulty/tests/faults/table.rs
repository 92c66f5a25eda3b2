pub(crate) fn keep(rows: &[crate::Row]) {
    for row in rows {
        println!("{:55} {} | {}", row.fault.map_or("", |it| it.name), row.model_checker, row.simulator);
    }
}
