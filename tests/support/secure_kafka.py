"""A broker that wants to know who it talks to: TLS, client certificates, SASL and ACLs, a listener for each; and its certificates.

Passwords and keys are made anew for each run. The tools of the tests use the plain listener, whose user may do everything."""
import secrets
import subprocess

import servers

CA_DAYS = "2"


class Authority:
    """A certificate authority in a folder; openssl makes everything."""

    def __init__(self, folder, name):
        self.dir, self.name = folder / name, name
        self.dir.mkdir()
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", CA_DAYS,
                      "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.pem")

    @property
    def certificate(self):
        return self.dir / "ca.pem"

    def issue(self, name, alternative=None, password=None):
        """A key, in name.key, and a certificate of the authority, in name.pem. The key is in clear unless there is a password."""
        extension = ["-addext", f"subjectAltName={alternative}"] if alternative else []
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-subj", f"/CN={name}", *extension,
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", CA_DAYS,
                      "-copy_extensions", "copy", "-out", f"{name}.pem")
        if password:
            (self.dir / "password").write_text(password)
            self._openssl("pkcs8", "-topk8", "-in", f"{name}.key", "-out", f"{name}.locked", "-passout", "file:password")
            (self.dir / f"{name}.locked").replace(self.dir / f"{name}.key")
        return self.dir / f"{name}.pem", self.dir / f"{name}.key"

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, cwd=self.dir, capture_output=True)


class SecureKafka(servers.Kafka):
    """Users by PLAIN and SCRAM: app, who may do everything; guest, who may do nothing until `allow`. `wrong` listens with a certificate for
    another host."""
    name = "secure-kafka"
    LISTENERS = ("tls", "mtls", "sasl", "wrong")

    def __init__(self):
        super().__init__()
        self.ports = {n: servers.free_port() for n in self.LISTENERS}
        self.ca, self.stranger = Authority(self.dir, "ca"), Authority(self.dir, "stranger")
        self.passwords = {user: secrets.token_hex(12) for user in ("app", "guest")}
        self.key_password = secrets.token_hex(12)
        self.client = self.ca.issue("client", password=self.key_password)
        self.format_args = [w for user, p in self.passwords.items() for w in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={p}]")]
        settings = self._security()
        with open(self.properties, "a") as out:
            out.write("".join(f"{k}={v}\n" for k, v in settings.items()))

    def address(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    def _security(self):
        plain = dict(line.split("=", 1) for line in self.properties.read_text().splitlines())
        protocol = {"tls": "SSL", "mtls": "SSL", "sasl": "SASL_SSL", "wrong": "SSL"}
        both = {key: ",".join([plain[key], *(f"{n.upper()}://{self.address(n)}" for n in self.LISTENERS)])
                for key in ("listeners", "advertised.listeners")}
        module = "org.apache.kafka.common.security"
        users = " ".join(f'user_{user}="{p}"' for user, p in self.passwords.items())
        out = {
            **both, "listener.security.protocol.map": ",".join([plain["listener.security.protocol.map"],
                                                               *(f"{n.upper()}:{protocol[n]}" for n in self.LISTENERS)]),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:app;User:CN=client",
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl.plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required {users};",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
            "listener.name.sasl.oauthbearer.sasl.jaas.config":
                f'{module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="app";',
        }
        good, bad = self.ca.issue("broker", "IP:127.0.0.1"), self.ca.issue("elsewhere", "DNS:elsewhere.example,IP:192.0.2.1")
        for name in self.LISTENERS:
            certificate, key = bad if name == "wrong" else good
            store = self.dir / f"{name}.store.pem"   # the key in front of its certificate
            store.write_text(key.read_text() + certificate.read_text())
            out |= {f"listener.name.{name}.ssl.keystore.type": "PEM", f"listener.name.{name}.ssl.keystore.location": store,
                    f"listener.name.{name}.ssl.truststore.type": "PEM", f"listener.name.{name}.ssl.truststore.location": self.ca.certificate}
        return out

    def allow(self, user, *rules):
        """Each rule: resource type, name (a prefix if it ends in *), operation."""
        from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, ResourcePatternType,
                                           ResourceType)
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        pattern = lambda name: ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL
        acls = [AclBinding(ResourceType[kind.upper()], name.rstrip("*"), pattern(name), f"User:{user}", "*",
                           AclOperation[operation.upper()], AclPermissionType.ALLOW) for kind, name, operation in rules]
        for future in admin.create_acls(acls).values():
            future.result(30)
        every = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
        servers.wait_for("the broker to know its ACLs", lambda: set(acls) <= set(admin.describe_acls(every).result(30)))
