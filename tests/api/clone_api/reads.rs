//! Reading.

use super::*;

#[tokio::test]
async fn answers_are_lines_or_one_array_as_the_client_accepts() {
    let app = App::new("reading").await;
    let two = json!([subject("a"), subject("b")]);
    let written = app.json("POST", "/state", Some(&two)).await;
    assert_eq!(written.status, 200, "{}", written.text());
    let query = asked(&json!({"@describe": "?s", "@where": {"@id": "?s", "name": "?n"}}));
    let in_lines = app.json("GET", &query, None).await;
    assert_eq!(tag(&in_lines), tag(&written));
    assert_eq!(lines(&in_lines).len(), 2);
    let accepts = [("Accept", "application/json")];
    let array = app.ask(("GET", &query), &accepts, None).await;
    assert_eq!(array.header("content-type"), Some("application/json"));
    assert_eq!(array.value(), Value::Array(lines(&in_lines)));
    let long = query.replace("?q=", "?query=");
    assert_eq!(app.json("GET", &long, None).await.body, in_lines.body);
    let nothing = asked(&json!({"@describe": "nobody"}));
    assert!(lines(&app.json("GET", &nothing, None).await).is_empty());
    let array = app.ask(("GET", &nothing), &accepts, None).await;
    assert_eq!(array.value(), json!([]));
}

#[tokio::test]
async fn a_read_can_name_the_state_that_it_is_meant_for() {
    let app = App::new("conditional").await;
    let tag = tag(&app.adds("fred").await);
    for (condition, status) in [(&*tag, 200), ("*", 200), ("\"0\"", 412), ("\"x\"", 412)] {
        let reply = app
            .ask(("GET", &named()), &[("If-Match", condition)], None)
            .await;
        assert_eq!(reply.status, status, "{condition}");
    }
    let weak = app
        .ask(("GET", &named()), &[("If-Match", "W/\"1\"")], None)
        .await;
    assert_eq!(weak.status, 400);
}

#[tokio::test]
async fn a_long_answer_is_of_one_state_while_others_write() {
    let app = App::new("longreads").await;
    let many: Vec<_> = (0..3000)
        .map(|n| json!({"@id": format!("s{n}"), "pad": "x".repeat(400)}))
        .collect();
    for part in many.chunks(500) {
        let written = app.json("POST", "/state", Some(&json!(part))).await;
        assert_eq!(written.status, 200, "{}", written.text());
    }
    let query = asked(&json!({"@describe": "?s", "@where": {"@id": "?s", "pad": "?p"}}));
    // Somebody who does not read what is coming.
    let mut slow = Https::connect_narrow(app.gateway.port(), &app.gateway.tls, 4096).await;
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\r\n",
        app.path(&query),
        app.authorization
    );
    slow.send(head.as_bytes()).await;
    let replaced =
        json!({"@delete": {"@id": "?s", "pad": "?p"}, "@where": {"@id": "?s", "pad": "?p"}});
    let written = app.json("POST", "/state", Some(&replaced)).await;
    assert_eq!(written.status, 200, "{}", written.text());
    let after = app.json("GET", &query, None).await;
    assert!(lines(&after).is_empty());
    let reply = slow.reply().await.unwrap();
    let found = lines(&reply).len();
    let expected = if tick(&reply) < tick(&written) {
        3000
    } else {
        0
    };
    assert_eq!(found, expected, "of the state {}", tag(&reply));
}
