package imaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificate makes a certificate for the loopback that is its own authority,
// and writes it and its key to two PEM files in dir.
func certificate(dir string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("encode a key: %w", err)
	}
	if err := writePEM(keyPath(dir), "PRIVATE KEY", private); err != nil {
		return "", "", err
	}
	if err := sign(dir, key, 24*time.Hour); err != nil {
		return "", "", err
	}
	return certPath(dir), keyPath(dir), nil
}

// expire puts a certificate that has expired in the place of what certificate
// has made, and renew undoes it.
func expire(dir string) error {
	data, err := os.ReadFile(keyPath(dir))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return fmt.Errorf("no key in %s", keyPath(dir))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	if err := os.Rename(certPath(dir), certPath(dir)+".valid"); err != nil {
		return err
	}
	return sign(dir, key.(*ecdsa.PrivateKey), -time.Hour)
}

func renew(dir string) error { return os.Rename(certPath(dir)+".valid", certPath(dir)) }

func certPath(dir string) string { return filepath.Join(dir, "cert.pem") }
func keyPath(dir string) string  { return filepath.Join(dir, "key.pem") }

// sign makes a certificate that is valid for as long as left says.
func sign(dir string, key *ecdsa.PrivateKey, left time.Duration) error {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-24 * time.Hour),
		NotAfter:              time.Now().Add(left),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	return writePEM(certPath(dir), "CERTIFICATE", cert)
}

func writePEM(name, kind string, data []byte) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600)
}
