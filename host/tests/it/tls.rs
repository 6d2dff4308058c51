//! Connections by TLS to servers with certificates of a private authority.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fake_twitch::{FakeTwitch, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::process::{Finished, Running, twitchy};
use crate::serve::{TOKEN, config};

/// A private certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Starts a TLS server with a certificate for `localhost` that proxies to `address`. Returns its port.
    async fn start_proxy(&self, address: String) -> u16 {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let (acceptor, listener) = (TlsAcceptor::from(Arc::new(tls)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, address) = (acceptor.clone(), address.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate ends the handshake.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut server = TcpStream::connect(address).await.unwrap();
                    tokio::io::copy_bidirectional(&mut stream, &mut server).await.ok();
                });
            }
        });
        port
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_where_the_environment_names_it() {
    let (authority, folder) = (Authority::new("ours"), tempfile::tempdir().unwrap());
    let certificates = folder.path().join("certificates");
    fs::create_dir(&certificates).unwrap();
    let file = certificates.join("ca.pem");
    fs::write(&file, authority.0.pem()).unwrap();
    let twitch = FakeTwitch::new(&Settings::default());
    let irc = authority.start_proxy(twitch.listen().await.unwrap().to_string()).await;
    twitch.add_account("mybot", "1000", TOKEN);
    twitch.add_channel("shop");
    let path = folder.path().join("config.toml");
    fs::write(&path, config("").replace("tcp://", &format!("tls://localhost:{irc}"))).unwrap();
    let path = path.to_str().unwrap();
    let key =
        Finished::of(&mut twitchy(&["api-key", "create", "--config", path, "--name", "op", "--scope", "operator"]));

    let mut command = twitchy(&["serve", "--config", path]);
    command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0");
    let bot = Running::start(command.env("SSL_CERT_FILE", &file));
    let told = bot.wait_for_error("the API answers at http://");
    twitch.until_joined("mybot", "shop").await;
    let api = told.split_once("answers at http://").unwrap().1.split(';').next().unwrap().to_owned();
    let url = format!("https://localhost:{}", authority.start_proxy(api).await);
    let list = |variable: &str, value: &Path| {
        let mut command = twitchy(&["module", "list", "--url", &url]);
        Finished::of(command.env("TWITCHY_API_KEY", key.output.trim()).env(variable, value))
    };
    for (variable, value) in [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &certificates)] {
        let listed = list(variable, value);
        assert_eq!((listed.code, listed.errors.as_str()), (Some(0), ""), "{variable}");
    }
    let refused = list("TWITCHY_TEST_UNSET", &file);
    assert_eq!(refused.code, Some(1));
    let advice = "only public certificate authorities are trusted, unless SSL_CERT_FILE names a file with others";
    assert!(refused.errors.contains(advice), "{}", refused.errors);
    let another = folder.path().join("another.pem");
    fs::write(&another, Authority::new("another").0.pem()).unwrap();
    let refused = list("SSL_CERT_FILE", &another);
    let advice = "only the certificate authorities in SSL_CERT_FILE and SSL_CERT_DIR are trusted";
    assert!(refused.errors.contains(advice), "{}", refused.errors);
    for (value, told) in [(folder.path().join("gone.pem"), "cannot be read"), (path.into(), "holds no certificate")] {
        let refused = list("SSL_CERT_FILE", &value);
        let told = format!("SSL_CERT_FILE names {}, which {told}", value.display());
        assert!(refused.code == Some(1) && refused.errors.contains(&told), "{}", refused.errors);
    }
    bot.send_signal("TERM");
    let (status, errors) = bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
}
