package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// flowsFolder holds the flows that people import.
const flowsFolder = "../../examples/node-red"

// slowly bounds the waits for Node-RED: a large program on a busy machine.
const slowly = 2 * time.Minute

// flowNode is a node as exports of Node-RED have it.
type flowNode map[string]any

func (n flowNode) text(key string) string {
	s, _ := n[key].(string)
	return s
}

// shippedFlows returns all nodes of all flows, as Node-RED has them once everything is
// imported: what the files share is there once.
func shippedFlows(t *testing.T) []flowNode {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(flowsFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no flows in %s (%v)", flowsFolder, err)
	}
	var all []flowNode
	byID := make(map[string]string)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var nodes []flowNode
		if err := json.Unmarshal(content, &nodes); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, n := range nodes {
			written, _ := json.Marshal(n)
			before, known := byID[n.text("id")]
			if known && before != string(written) {
				t.Fatalf("%s: %s is another node in another flow", file, n.text("id"))
			}
			if byID[n.text("id")] = string(written); !known {
				all = append(all, n)
			}
		}
	}
	return all
}

// ends are what somebody who imports the flows has to set.
type ends struct {
	broker           string // host:port
	notifier, influx string // where they begin: http://host:port
	file             string
}

// adapt sets them, and nothing else.
func (e *ends) adapt(t *testing.T, nodes []flowNode) {
	t.Helper()
	host, port, err := net.SplitHostPort(e.broker)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(n flowNode, key, old, with string) {
		s := n.text(key)
		if !strings.HasPrefix(s, old) {
			t.Fatalf("%s has the %s %q, which is not what this test knows to set", n.text("id"), key, s)
		}
		n[key] = with + strings.TrimPrefix(s, old)
	}
	found := make(map[string]bool)
	for _, n := range nodes {
		what := n.text("type") + " " + n.text("name")
		switch what {
		case "mqtt-broker Home":
			n["broker"], n["port"] = host, port
		case "http request notify":
			replace(n, "url", "http://localhost:8080", e.notifier)
		case "http request InfluxDB":
			replace(n, "url", "http://localhost:8086", e.influx)
		case "file the file":
			replace(n, "filename", "/data/weigh-ins.csv", e.file)
		default:
			continue
		}
		found[what] = true
	}
	if len(found) != 4 {
		t.Fatalf("of the nodes to set there are %v", slices.Collect(maps.Keys(found)))
	}
}

// nodeRED is a Node-RED with a folder of its own; it serves nothing and asks nobody.
type nodeRED struct {
	t      *testing.T
	binary string
	dir    string
	cmd    *exec.Cmd
	out    *buffer
}

// newNodeRED prepares one with those flows. Where it is missing the test is skipped, or
// fails if CI is set.
func newNodeRED(t *testing.T, flows []flowNode) *nodeRED {
	t.Helper()
	n := &nodeRED{t: t, binary: nodeREDBinary(t), dir: t.TempDir()}
	content, err := json.Marshal(flows)
	if err != nil {
		t.Fatal(err)
	}
	settings := `module.exports = {
  flowFile: "flows.json", credentialSecret: "test", functionExternalModules: false,
  httpAdminRoot: false, httpNodeRoot: false, uiHost: "127.0.0.1",
  telemetry: { enabled: false, updateNotification: false }, diagnostics: { enabled: false },
  externalModules: { autoInstall: false, palette: { allowInstall: false }, modules: { allowInstall: false } },
  mqttReconnectTime: 200, logging: { console: { level: "info" } },
};`
	for name, text := range map[string][]byte{"flows.json": content, "settings.js": []byte(settings)} {
		if err := os.WriteFile(filepath.Join(n.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(n.stop)
	return n
}

func nodeREDBinary(t *testing.T) string {
	t.Helper()
	name := os.Getenv("NODE_RED")
	if name == "" {
		name = "node-red"
	}
	binary, err := exec.LookPath(name)
	if err == nil {
		return binary
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("Node-RED is not installed: %v", err)
	}
	t.Skipf("Node-RED is not installed, or NODE_RED does not name it: %v", err)
	return ""
}

// start returns when the flows run.
func (n *nodeRED) start() {
	n.t.Helper()
	n.out = newBuffer()
	n.cmd = exec.CommandContext(n.t.Context(), n.binary, "--userDir", n.dir)
	n.cmd.Env = append(os.Environ(), "INFLUX_TOKEN=influx-token", "HOME="+n.dir)
	n.cmd.Stdout, n.cmd.Stderr = n.out, n.out
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(syscall.SIGTERM) }
	n.cmd.WaitDelay = patience
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	if _, ok := n.out.line("Started flows", slowly); !ok {
		n.t.Fatalf("Node-RED does not start:\n%s", n.out)
	}
}

// stop ends it, and fails the test if it had anything to complain about.
func (n *nodeRED) stop() {
	n.t.Helper()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	end := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
	defer end.Stop()
	if err := n.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		n.t.Error(err)
	}
	n.cmd = nil
	for line := range strings.Lines(n.out.String()) {
		if strings.Contains(line, "[error]") || strings.Contains(line, "[warn] [") { // a node's; the rest is about its settings
			n.t.Errorf("Node-RED complains: %s", line)
		}
	}
	if n.t.Failed() {
		n.t.Logf("Node-RED said:\n%s", n.out)
	}
}
