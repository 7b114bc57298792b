package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// private is what must not show: in tests it stands in the path, in the query, in
// what the cloud sends and in the name of the token.
const private = "SECRET"

// raw returns the address of a server that reads a request and sends bytes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = conn.Write([]byte(answer))
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

type secretToken struct{}

func (secretToken) Token(context.Context) (string, error) { return "token-" + private, nil }

func (secretToken) Renew(context.Context, string) (string, error) { return "token-2" + private, nil }

// TestNothingPrivateInErrors: whatever goes wrong on the way.
func TestNothingPrivateInErrors(t *testing.T) {
	selfSigned := httptest.NewUnstartedServer(http.NotFoundHandler())
	selfSigned.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	selfSigned.StartTLS()
	defer selfSigned.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for _, c := range []struct {
		name, base string
		kind       error
		says       string
	}{
		{"nobody listens", gone.URL, fitbit.ErrUnavailable, "connection refused"},
		{"self-signed", selfSigned.URL, fitbit.ErrUnavailable, "certificate"},
		{"cut before the answer", raw(t, ""), fitbit.ErrUnavailable, "cut"},
		{"cut in the answer", raw(t, ok+"Content-Length: 100\r\n\r\n{\"name\": \""+private), fitbit.ErrUnavailable, "cut"},
		{"no HTTP", raw(t, private+" "+private+"\r\n\r\n"), fitbit.ErrUnavailable, "not HTTP"},
		{"no header", raw(t, "HTTP/1.1 200 OK\r\n"+private+"\r\n\r\n"), fitbit.ErrUnavailable, "not HTTP"},
		{"no location", raw(t, "HTTP/1.1 302 Found\r\nLocation: http://["+private+"\r\nContent-Length: 0\r\n\r\n"), fitbit.ErrUnavailable, "not HTTP"},
		{"no JSON", raw(t, ok+"\r\n{\"name\": "+private+"}"), fitbit.ErrProtocol, "JSON"},
		{"other JSON", raw(t, ok+"\r\n{\"name\": [\""+private+"\"]}"), fitbit.ErrProtocol, "JSON"},
		{"another type", raw(t, "HTTP/1.1 200 OK\r\nContent-Type: text/"+private+"\r\n\r\n"), fitbit.ErrProtocol, "JSON"},
	} {
		client := &rest.Client{
			Base: c.base, Tokens: secretToken{},
			Translate: func(rest.Failure) error { return errRefused },
		}
		err := client.Get(t.Context(), "/users/"+private, "filter="+private, &answer{})
		text := fmt.Sprintf("%v %+v %#v %s", err, err, err, fitbit.Hint(err))
		if !errors.Is(err, c.kind) || !strings.Contains(text, c.says) {
			t.Errorf("%s: error is %v, want %v that says %q", c.name, err, c.kind, c.says)
		}
		if strings.Contains(text, private) {
			t.Errorf("%s: something private is in %s", c.name, text)
		}
	}
}

// TestTimeout: the client's own limit is the cloud's trouble, ctx's end is not.
func TestTimeout(t *testing.T) {
	c, _ := client(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c.HTTP = rest.NewHTTPClient()
	c.HTTP.Timeout = 20 * time.Millisecond
	if err := c.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, fitbit.ErrUnavailable) || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("error is %v, want ErrUnavailable", err)
	}
	c.HTTP.Timeout = 0
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Get(ctx, "/", "", &answer{}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, fitbit.ErrUnavailable) {
		t.Errorf("error is %v, want %v", err, context.DeadlineExceeded)
	}
}
