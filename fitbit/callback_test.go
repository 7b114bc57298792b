package fitbit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestParseCallback(t *testing.T) {
	const code, query = "4/0Ab_cd-EFghijkl", "code=4%2F0Ab_cd-EFghijkl&state=a-state"
	whole, bare, denied := fitbit.Callback{Code: code, State: "a-state"}, fitbit.Callback{Code: code}, fitbit.Callback{Err: "access_denied", State: "a-state"}
	for text, want := range map[string]fitbit.Callback{
		"http://localhost:8099/oauth/callback?" + query: whole,
		"https://ha.example.org:8443/cb?" + query:       whole,
		"localhost:8099/?" + query:                      whole,
		"?" + query:                                     whole,
		query:                                           whole,
		"http://127.0.0.1:8080/?" + query + "#_=_":      whole,
		"http://127.0.0.1:8080/?" + query + "#":         whole,
		"  http://localhost:8099/?" + query + "\r\n":    whole,
		"http://localhost:8099/?code=4%2F0Ab_\n  cd-EFghijkl&state=a-\n state": whole, // wrapped by a terminal
		`"http://localhost:8099/?` + query + `"`:                               whole,
		"<http://localhost:8099/?" + query + ">":                               whole,
		// Google leaves the slashes of scopes as they are.
		"http://localhost:8099/?state=a-state&code=4/0Ab_cd-EFghijkl&scope=email%20https://www.googleapis.com/auth/googlehealth.settings.readonly&authuser=0": whole,
		"state=a-state&code=4/0Ab_cd-EFghijkl&scope=https://www.googleapis.com/auth/googlehealth.settings.readonly&prompt=consent":                            whole,
		"state=a-state&code=4/0Ab_cd-EFghijkl&next=http://localhost/?a=b":                                                                                     whole,
		"http://localhost:8099/?code=" + code: bare,
		"code=" + code:                        bare,
		code:                                  bare,
		"4%2F0Ab_cd-EFghijkl":                 bare,
		"4%2F0Ab_cd-EFghijkl#_=_":             bare,
		" 4/0Ab_cd-EFghijkl ":                 bare,
		"http://localhost:8099/?error=access_denied&state=a-state":                             denied,
		"error=access_denied&state=a-state":                                                    denied,
		"http://localhost:8099/?error=access_denied&state=a-state&code=x#_=_":                  denied, // never both
		"http://localhost:8099/?error=access_denied&error_description=No+thanks&state=a-state": denied,
		// Google keeps the browser if it trusts the app too little to send it back.
		"https://accounts.google.com/signin/oauth/error?authError=ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSCFlvdSBjYW4n&client_id=x&flowName=GeneralOAuthFlow":       {Err: "redirect_uri_mismatch"},
		"https://accounts.google.com/signin/oauth/error/v2?authError=ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2ggkAMyAggB&client_id=x":                                  {Err: "redirect_uri_mismatch"},
		"https://accounts.google.com/signin/oauth/error?authError=Cg5pbnZhbGlkX2NsaWVudBIfVGhlIE9BdXRoIGNsaWVudCB3YXMgbm90IGZvdW5kLiCRAw%3D%3D&client_id=x": {Err: "invalid_client"},
		"https://accounts.google.com/signin/oauth/error?authError=Cg5kZWxldGVkX2NsaWVudBIdVGhl":                                                             {Err: "deleted_client"},
		"accounts.google.com/signin/oauth/error?authError=Cg1hY2Nlc3NfZGVuaWVkE":                                                                            {Err: "access_denied"}, // cut off
	} {
		if got, err := fitbit.ParseCallback(text); err != nil || got != want {
			t.Errorf("%q is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "#_=_", "?", "=", "code=", "code", "short", "error=",
		"http://localhost:8099/oauth/callback", "http://localhost:8099/oauth/callback?", "localhost:8099/oauth/callback", "http://localhost:8099/?state=a-state",
		"http://localhost:8099/?codec=4/0Ab_cd-EFghijkl", "code=%zz", "code=a%00b&state=s", "code=4/0Ab_cd-EFghijkl&state=%0d%0aSet-Cookie:", "error=%3cscript%3e%ff",
		"https://accounts.google.com/signin/oauth/error?authError=", "https://accounts.google.com/signin/oauth/error?authError=C", "authError=ChVyZWRpcmVjdF91cmlf",
		"authError=Cg48c2NyaXB0PmFsZXJ0KDEp", "authError=CgA", "authError=////", "authError=%00", "authError=EhVyZWRpcmVjdF91cmlfbWlzbWF0Y2g",
		"4/0Ab%00_cd-EF", "4/0Ab%zz_cd-EF", "Schlüsselwort", "code=4/0Ab;state=s",
	} {
		got, err := fitbit.ParseCallback(text)
		if !errors.Is(err, fitbit.ErrNoCallback) || got != (fitbit.Callback{}) {
			t.Errorf("%q is %+v (%v), want ErrNoCallback", text, got, err)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	for _, seed := range []string{
		"http://localhost:8099/oauth/callback?code=4%2F0Ab_cd-EFghijkl&state=a-state#_=_", "code=x&scope=https://a/b?c=d", "4/0Ab_cd-EFghijkl",
		"error=access_denied", "authError=Cg1hY2Nlc3NfZGVuaWVk", "?code=%00", "http://a?b?c=d", "\u2028code=\u00ad", "code=+&state=+",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := fitbit.ParseCallback(text)
		if err != nil {
			if !errors.Is(err, fitbit.ErrNoCallback) || err.Error() != fitbit.ErrNoCallback.Error() || c != (fitbit.Callback{}) {
				t.Errorf("%q is %+v (%v)", text, c, err)
			}
			return
		}
		if (c.Code == "") == (c.Err == "") {
			t.Errorf("%q is %+v, want a code or an error", text, c)
		}
		if strings.ContainsFunc(c.Code+c.State+c.Err, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is %+v with more than printable ASCII", text, c)
		}
	})
}
