use super::*;

fn listen(https: &[&str], redirect: &[&str]) -> config::Listen {
    let parse = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect();
    config::Listen {
        https: parse(https),
        redirect: parse(redirect),
        backlog: 16,
    }
}

fn passed() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

#[tokio::test]
async fn configured_addresses_are_bound() {
    let sockets = bind(
        &listen(&["127.0.0.1:0", "[::1]:0"], &["127.0.0.1:0"]),
        Passed::default(),
    )
    .unwrap();
    assert_eq!((sockets.https.len(), sockets.redirect.len()), (2, 1));
}

#[tokio::test]
async fn an_address_in_use_is_named_with_what_to_do() {
    let taken = passed();
    let address = taken.local_addr().unwrap().to_string();
    let error = bind(&listen(&[&address], &[]), Passed::default()).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused() {
    // 192.0.2.0/24 is for documentation and on no machine.
    let error = bind(&listen(&["192.0.2.1:0"], &[]), Passed::default()).unwrap_err();
    assert!(
        matches!(error, BindError::NoSuchAddress { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn all_of_ipv4_and_all_of_ipv6_can_be_listed_side_by_side() {
    let port = passed().local_addr().unwrap().port();
    let (v4, v6) = (format!("0.0.0.0:{port}"), format!("[::]:{port}"));
    let sockets = bind(&listen(&[&v4, &v6], &[]), Passed::default()).unwrap();
    assert_eq!(sockets.https.len(), 2);
}

#[tokio::test]
async fn all_of_ipv6_alone_takes_ipv4_as_well() {
    let sockets = bind(&listen(&["[::]:0"], &[]), Passed::default()).unwrap();
    let port = sockets.https[0].local_addr().unwrap().port();
    tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_passed_socket_stands_for_all_configured_addresses_of_its_kind() {
    let socket = passed();
    let address = socket.local_addr().unwrap();
    let given = Passed::from_sockets([(None, socket)]);
    let sockets = bind(&listen(&["192.0.2.1:443"], &["127.0.0.1:0"]), given).unwrap();
    assert_eq!(sockets.https[0].local_addr().unwrap(), address);
    assert_eq!((sockets.https.len(), sockets.redirect.len()), (1, 1));
}

#[tokio::test]
async fn a_passed_socket_redirects_by_its_name_or_by_its_address() {
    let (named, placed) = (passed(), passed());
    let address = placed.local_addr().unwrap().to_string();
    let given = Passed::from_sockets([(Some("redirect".to_owned()), named), (None, placed)]);
    let sockets = bind(&listen(&["127.0.0.1:0"], &[&address]), given).unwrap();
    assert_eq!((sockets.https.len(), sockets.redirect.len()), (1, 2));
}
