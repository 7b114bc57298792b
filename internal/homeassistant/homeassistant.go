// Package homeassistant is a Home Assistant for tests, as far as its WebSocket API leads
// to the long-term statistics of its recorder.
//
// It is written from Home Assistant's own documentation and code, never from our client,
// or both would be wrong together; and it is strict where the real one is: the sign-in
// comes first, ids only grow, keys that a version does not know are refused, and so are
// ones that it has come to need, times without a zone or within an hour, a source that is
// none of the recorder's, whoever is no administrator, and messages above 4 MiB. An import
// is answered at once and done later, replaces hours that begin alike, and writes the
// metadata over what was there, unit included, without converting a thing.
package homeassistant

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxMessage is what the server's library takes at most, in bytes.
const maxMessage = 4 << 20

// Entity is one of the entity registry. Its Platform is "mqtt" if none is given.
type Entity struct {
	ID, UniqueID, Platform string
	DisabledBy             string // such as "user"; empty if it is not
	// Shown is the unit of its state where that is another one than the statistics'.
	Shown string
}

// Metadata is what is known of a statistic.
type Metadata struct {
	Unit     string // empty: none
	Class    string // of the unit; empty: none
	MeanType int    // 0 none, 1 arithmetic, 2 circular
	HasSum   bool
	Name     string // empty: none
}

// Row is one hour of a statistic.
type Row struct {
	Start          time.Time
	Mean, Min, Max float64
}

// Trouble is what is wrong with it. The zero value is a healthy one.
type Trouble struct {
	NoRecorder bool // not loaded: its commands are unknown
	Paused     bool // it records nothing
	Migrating  bool // its database is being changed
	Dead       bool // its thread has ended
	Lossy      bool // what it has taken on never gets done
	// Lag is how many more commands have to come before an import is done.
	Lag int
	// Silent is the type of command that gets no answer.
	Silent string
	// HangUpAfter ends the connection in place of an answer to the import behind so many;
	// zero: never.
	HangUpAfter int
	// Chatty sends what nobody has asked for before each answer.
	Chatty bool
}

// Hub is a running Home Assistant: an [http.Handler] with its API at /api/websocket and,
// as behind its supervisor, at /core/websocket.
type Hub struct {
	version string

	mu       sync.Mutex
	tokens   map[string]bool // whether it is an administrator's
	entities []Entity
	metadata map[string]Metadata
	rows     map[string]map[time.Time]Row
	jobs     []job
	trouble  Trouble
	imports  int
	written  int
	largest  int
	commands []string
}

// New starts one of that version, such as "2026.11.0", without any entity.
func New(version string) *Hub {
	return &Hub{version: version, tokens: make(map[string]bool), metadata: make(map[string]Metadata), rows: make(map[string]map[time.Time]Row)}
}

// Token makes a long-lived access token.
func (h *Hub) Token(administrator bool) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := "eyJ." + rand.Text() + "." + rand.Text()
	h.tokens[t] = administrator
	return t
}

// Put adds an entity to the registry, or changes the one of the same unique id.
func (h *Hub) Put(e Entity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Platform == "" {
		e.Platform = "mqtt"
	}
	h.entities = slices.DeleteFunc(h.entities, func(o Entity) bool { return o.UniqueID == e.UniqueID && o.Platform == e.Platform })
	h.entities = append(h.entities, e)
}

// Break changes what is wrong; the zero value mends everything.
func (h *Hub) Break(t Trouble) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble = t
}

// Record has the recorder write hours itself.
func (h *Hub) Record(id string, m Metadata, rows ...Row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.store(job{id: id, metadata: m, rows: rows})
}

// Rows are the hours of a statistic, oldest first.
func (h *Hub) Rows(id string) []Row {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sorted(id)
}

// Metadata is that of a statistic, and false if there is none.
func (h *Hub) Metadata(id string) (Metadata, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.metadata[id]
	return m, ok
}

// Tally is what imports have done so far.
type Tally struct {
	Imports int // messages taken
	Written int // hours written by them, new or not
	Largest int // bytes of the largest message of any kind
}

// Tally counts.
func (h *Hub) Tally() Tally {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Tally{h.imports, h.written, h.largest}
}

// Commands lists the types of what was asked so far.
func (h *Hub) Commands() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.commands)
}

// ServeHTTP lets a client in.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/api/websocket") && r.URL.Path != "/core/websocket" {
		http.NotFound(w, r)
		return
	}
	u := websocket.Upgrader{}
	conn, err := u.Upgrade(w, r, nil)
	if err != nil {
		return // answered already
	}
	defer func() { _ = conn.Close() }()
	conn.SetReadLimit(maxMessage)
	c := &client{hub: h, conn: conn}
	if c.signIn() {
		c.serve()
	}
}

// job is an import that the recorder has taken on.
type job struct {
	id       string
	metadata Metadata
	rows     []Row
	wait     int // commands until it is done
	imported bool
}

// work does what is due; each command that comes is a moment that passes.
func (h *Hub) work() {
	var waiting []job
	for _, j := range h.jobs {
		switch {
		case h.trouble.Lossy:
		case j.wait > 0:
			j.wait--
			waiting = append(waiting, j)
		default:
			h.store(j)
		}
	}
	h.jobs = waiting
}

func (h *Hub) store(j job) {
	h.metadata[j.id] = j.metadata
	if h.rows[j.id] == nil {
		h.rows[j.id] = make(map[time.Time]Row)
	}
	for _, r := range j.rows {
		r.Start = r.Start.UTC()
		h.rows[j.id][r.Start] = r
	}
	if j.imported {
		h.written += len(j.rows)
	}
}

func (h *Hub) sorted(id string) []Row {
	rows := make([]Row, 0, len(h.rows[id]))
	for _, r := range h.rows[id] {
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return a.Start.Compare(b.Start) })
	return rows
}

// since reports whether the version is that month's or a later one.
func (h *Hub) since(year, month int) bool {
	var y, m int
	if _, err := fmt.Sscanf(h.version, "%d.%d", &y, &m); err != nil {
		return true
	}
	return y > year || y == year && m >= month
}
