package door

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestGuessersAreForgotten(t *testing.T) {
	g, now := newGuesses(), time.Unix(0, 0)
	address := func(i uint32) netip.Prefix {
		return neighbours(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, i))))
	}
	for i := range uint32(5000) {
		now = now.Add(time.Millisecond)
		g.take(address(i), now)
		if len(g.by) > mostGuessers {
			t.Fatalf("%d addresses are remembered", len(g.by))
		}
	}
	if g.by[address(4999)] == nil || g.by[address(4999-mostGuessers)] != nil {
		t.Error("the oldest is not the one that makes room")
	}
	g.take(address(0), now.Add(quiet))
	if len(g.by) != 1 {
		t.Errorf("%d addresses are remembered after a quiet time", len(g.by))
	}
}

func TestOneComparisonAtATime(t *testing.T) {
	secret := strings.Repeat("x", longestPassword)
	l, err := newLock(secret)
	if err != nil {
		t.Fatal(err)
	}
	l.turn <- struct{}{} // somebody else's turn
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := l.opens(ctx, secret); ok || err == nil {
		t.Errorf("out of turn: %v, %v", ok, err)
	}
	<-l.turn
	if ok, err := l.opens(t.Context(), secret); !ok || err != nil {
		t.Errorf("in turn: %v, %v", ok, err)
	}
	if ok, err := l.opens(t.Context(), secret+"y"); ok || err != nil {
		t.Errorf("what bcrypt does not look at: %v, %v", ok, err)
	}
}
