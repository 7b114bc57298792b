package tokenstore_test

import (
	"context"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// BenchmarkToken is what every request to a cloud costs beforehand.
func BenchmarkToken(b *testing.B) {
	for name, key := range map[string][]byte{"plain": nil, "sealed": []byte(secret + "key")} {
		b.Run(name, func(b *testing.B) {
			s := open(b, tokenstore.Options{Key: key})
			a := connect(b, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
			tokens := s.Tokens(a.UID, "google", unexpected(b))
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			for b.Loop() {
				if _, err := tokens.Token(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
