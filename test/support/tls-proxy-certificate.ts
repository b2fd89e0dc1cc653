/**
 * The key and certificate of the tests' own TLS proxy, for localhost, app.test and 127.0.0.1, signed by itself. The key
 * protects nothing: whoever connects is told to accept any certificate, or this one.
 */
export const tlsKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZLYb3Mq1v7VGRk1i
L/fI5jOwh+TlR5cxBIJ+MW1uLPKhRANCAAR5ABtxeGS3cmhnyzkYfZrJTGQu6SYo
8ufv3VojdmXQ8O2uudM529R5jKwjPhUrYBnzatG8DC0a6UdlT5fm69Sy
-----END PRIVATE KEY-----
`;

export const tlsCertificate = `-----BEGIN CERTIFICATE-----
MIIBrzCCAVWgAwIBAgIUfVEE8jYOnz3ms3UJuDVa4RBQoLowCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOaG9sZGZhc3QgdGVzdHMwIBcNMjYxMTIzMTYxMjAwWhgPMjEy
NjEwMzAxNjEyMDBaMBkxFzAVBgNVBAMMDmhvbGRmYXN0IHRlc3RzMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEeQAbcXhkt3JoZ8s5GH2ayUxkLukmKPLn791aI3Zl
0PDtrrnTOdvUeYysIz4VK2AZ82rRvAwtGulHZU+X5uvUsqN5MHcwHQYDVR0OBBYE
FIgxZMczuBp0RNI80o46mV3vjRAbMB8GA1UdIwQYMBaAFIgxZMczuBp0RNI80o46
mV3vjRAbMA8GA1UdEwEB/wQFMAMBAf8wJAYDVR0RBB0wG4IJbG9jYWxob3N0gghh
cHAudGVzdIcEfwAAATAKBggqhkjOPQQDAgNIADBFAiEA0cduCQN1EaHOLVYTxF0P
jrJZEgtdA8SKCFOdbyRvPIUCIGEMFJYNrE9vMmpovpayIlD9otCKl4B9uX2awJwI
LkZm
-----END CERTIFICATE-----
`;
