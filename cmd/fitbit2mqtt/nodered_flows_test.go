package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// inbox is a server at the end of a flow, which keeps what is posted to it.
type inbox struct {
	t      *testing.T
	url    string
	answer int

	mu   sync.Mutex
	list []letter
}

type letter struct{ to, body, contentType, authorization string }

func newInbox(t *testing.T, answer int) *inbox {
	t.Helper()
	i := &inbox{t: t, answer: answer}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	i.list = append(i.list, letter{r.Method + " " + r.URL.String(), string(body), r.Header.Get("Content-Type"), r.Header.Get("Authorization")})
	i.mu.Unlock()
	w.WriteHeader(i.answer)
}

func (i *inbox) letters() []letter {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.list)
}

// bodies waits for that many letters and returns what they say.
func (i *inbox) bodies(n int) (list []string) {
	i.t.Helper()
	eventually(i.t, fmt.Sprintf("letter %d", n), func() bool { return len(i.letters()) >= n })
	for _, l := range i.letters() {
		list = append(list, l.body)
	}
	return list
}

// flowHouse is a bridge, its broker and a Node-RED with all flows.
type flowHouse struct {
	*world
	t                *testing.T
	o                *observer
	node             *nodeRED
	way              *gate // from Node-RED to the broker
	notifier, influx *inbox
	file             string
}

func newFlowHouse(t *testing.T) *flowHouse {
	t.Helper()
	flows := shippedFlows(t)
	h := &flowHouse{
		world: newWorld(t, "anna"), t: t,
		notifier: newInbox(t, http.StatusOK), influx: newInbox(t, http.StatusNoContent), file: filepath.Join(t.TempDir(), "a folder", "weigh-ins.csv"),
	}
	broker := ownBroker(t)
	h.way = newGate(t, strings.TrimPrefix(broker, "mqtt://"))
	to := ends{broker: h.way.addr, notifier: h.notifier.url, influx: h.influx.url, file: h.file}
	to.adapt(t, flows)
	h.node = newNodeRED(t, flows)

	config := h.config(broker)
	h.moveIn(t, config)
	h.o = observe(t, broker)
	begin(t, "run", "--config", config)
	h.o.heard("fitbit2mqtt/anna/body", `"weight_kg":80,`)
	h.o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	return h
}

const averageTopic = "household/anna/weight_7d"

// average waits until the flow says that, and that of so many weigh-ins.
func (h *flowHouse) average(kilograms float64, count int) {
	h.t.Helper()
	h.o.heard(averageTopic, fmt.Sprintf(`"average_kg":%v,"count":%d,`, kilograms, count))
}

// listening waits until Node-RED has subscribed anew: it publishes the average when it
// has heard the states' replay, by which time the broker has every subscription.
func (h *flowHouse) listening(act func()) {
	h.t.Helper()
	before := len(h.o.events(averageTopic))
	act()
	eventually(h.t, "Node-RED listens", func() bool { return len(h.o.events(averageTopic)) >= before+2 })
}

// event waits for an event of that kind about that weigh-in.
func (h *flowHouse) event(kind, id string) string {
	h.t.Helper()
	return h.o.heard("fitbit2mqtt/anna/weigh_in", fmt.Sprintf(`"event_type":%q,"id":%q`, kind, id))
}

// rows waits for that many lines of the file and returns them.
func (h *flowHouse) rows(n int) (list []string) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("line %d of the file", n), func() bool {
		content, _ := os.ReadFile(h.file)
		list = strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		return strings.HasSuffix(string(content), "\n") && len(list) >= n
	})
	return list
}

// The flows that people import do what they say: a weigh-in reaches every end, what is
// not new tells nobody, and nothing that a broker replays is taken for an event.
func TestNodeREDFlows(t *testing.T) {
	t.Parallel()
	h := newFlowHouse(t)
	anna := h.cloud.Person("anna")
	h.node.start()
	h.average(80, 1)

	at := time.Now().Truncate(time.Second)
	id, _ := anna.WeighIn(at, 79.52, 24.4)
	event := h.event("weigh_in", id)
	told := []string{"anna weighs 79.5 kg (-0.5 kg), 24.4 % body fat"}
	inOrder(t, "notified", h.notifier.bodies(1), told)
	h.average(79.76, 2)
	lines := []string{fmt.Sprintf(`weigh_in,account=anna weight_kg=79.52,body_fat_pct=24.4,bmi=27.5,source="Aria Air",id=%q,deleted=false %d`, id, at.Unix())}
	inOrder(t, "InfluxDB's", h.influx.bodies(1), lines)
	rows := []string{fmt.Sprintf("%s,weigh_in,anna,79.52,24.4,27.5,Aria Air,%s", at.UTC().Format(time.RFC3339), id)}
	inOrder(t, "the file's", h.rows(1), rows)
	if l := h.notifier.letters()[0]; l.to != "POST /weigh-ins" || l.contentType != "text/plain; charset=utf-8" || l.authorization != "" {
		t.Errorf("the notifier got %+v", l)
	}
	if l := h.influx.letters()[0]; l.to != "POST /api/v2/write?org=home&bucket=weight&precision=s" || l.authorization != "Token influx-token" {
		t.Errorf("InfluxDB got %+v", l)
	}

	t.Log("the bridge repeats the event")
	h.o.publish("fitbit2mqtt/anna/weigh_in", event, false)
	lines, rows = append(lines, lines[0]), append(rows, rows[0])
	inOrder(t, "InfluxDB's", h.influx.bodies(len(lines)), lines)
	inOrder(t, "the file's", h.rows(len(rows)), rows)
	h.average(79.76, 2)

	t.Log("a weigh-in of which nothing is known but the weight")
	bare, err := os.ReadFile(filepath.Join("..", "..", "bridge", "testdata", "payload", "weigh_in_bare.json"))
	if err != nil {
		t.Fatal(err)
	}
	h.o.publish("fitbit2mqtt/anna/weigh_in", strings.NewReplacer(`"deletion"`, `"weigh_in"`, `"2026-`, `"2020-`).Replace(string(bare)), false)
	told = append(told, "anna weighs 80.0 kg")
	inOrder(t, "notified", h.notifier.bodies(len(told)), told)
	lines, rows = append(lines, `weigh_in,account=anna weight_kg=80,id="x",deleted=false 1605852849`), append(rows, "2020-11-20T07:14:09+01:00,weigh_in,anna,80,,,,x")
	inOrder(t, "InfluxDB's", h.influx.bodies(len(lines)), lines)
	inOrder(t, "the file's", h.rows(len(rows)), rows)

	t.Log("late, edited and deleted: written, counted, and told nobody")
	then := at.Add(-48 * time.Hour)
	late, _ := anna.WeighIn(then, 81, 25)
	backfill := h.event("backfill", late)
	h.average(80.17, 3)
	lines = append(lines, fmt.Sprintf(`weigh_in,account=anna weight_kg=81,body_fat_pct=25,bmi=28,source="Aria Air",id=%q,deleted=false %d`, late, then.Unix()))
	rows = append(rows, fmt.Sprintf("%s,backfill,anna,81,25,28,Aria Air,%s", then.UTC().Format(time.RFC3339), late))

	anna.EditWeight(id, 79)
	h.event("correction", id)
	h.average(80, 3)
	h.o.publish("fitbit2mqtt/anna/weigh_in", strings.Replace(backfill, "backfill", "deletion", 1), false) // the bridge would ask twice, and take its time
	h.average(79.5, 2)
	lines = append(lines,
		fmt.Sprintf(`weigh_in,account=anna weight_kg=79,body_fat_pct=24.4,bmi=27.3,source="Aria Air",id=%q,deleted=false %d`, id, at.Unix()),
		fmt.Sprintf(`weigh_in,account=anna weight_kg=81,body_fat_pct=25,bmi=28,source="Aria Air",id=%q,deleted=true %d`, late, then.Unix()))
	rows = append(rows,
		fmt.Sprintf("%s,correction,anna,79,24.4,27.3,Aria Air,%s", at.UTC().Format(time.RFC3339), id),
		fmt.Sprintf("%s,deletion,anna,81,25,28,Aria Air,%s", then.UTC().Format(time.RFC3339), late))
	inOrder(t, "InfluxDB's", h.influx.bodies(len(lines)), lines)
	inOrder(t, "the file's", h.rows(len(rows)), rows)

	t.Log("somebody has retained an event, and Node-RED starts anew")
	h.node.stop()
	h.o.publish("fitbit2mqtt/anna/weigh_in", event, true)
	h.listening(h.node.start)
	h.average(79.5, 2)
	h.next(&told, &lines, &rows, 78.9)
	h.average(79.3, 3)

	t.Log("the way to the broker breaks")
	h.listening(func() {
		h.way.shut()
		h.way.open()
	})
	h.next(&told, &lines, &rows, 78.7)
	h.average(79.15, 4)
	h.node.stop()
	inOrder(t, "notified", h.notifier.bodies(0), told)
}

// next is a weigh-in behind what must not have come through: it is the next thing
// that each end sees.
func (h *flowHouse) next(told, lines, rows *[]string, kilograms float64) {
	h.t.Helper()
	at := time.Now().Truncate(time.Second)
	id, _ := h.cloud.Person("anna").WeighIn(at, kilograms, 24)
	var e struct {
		BMI   float64 `json:"bmi"`
		Delta float64 `json:"delta_kg"`
	}
	if err := json.Unmarshal([]byte(h.event("weigh_in", id)), &e); err != nil {
		h.t.Fatal(err)
	}
	*told = append(*told, fmt.Sprintf("anna weighs %.1f kg (%+.1f kg), 24.0 %% body fat", kilograms, e.Delta))
	*lines = append(*lines, fmt.Sprintf(`weigh_in,account=anna weight_kg=%v,body_fat_pct=24,bmi=%v,source="Aria Air",id=%q,deleted=false %d`, kilograms, e.BMI, id, at.Unix()))
	*rows = append(*rows, fmt.Sprintf("%s,weigh_in,anna,%v,24,%v,Aria Air,%s", at.UTC().Format(time.RFC3339), kilograms, e.BMI, id))
	inOrder(h.t, "notified", h.notifier.bodies(len(*told)), *told)
	inOrder(h.t, "InfluxDB's", h.influx.bodies(len(*lines)), *lines)
	inOrder(h.t, "the file's", h.rows(len(*rows)), *rows)
}

func inOrder(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
