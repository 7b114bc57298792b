package docker_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait; a test that needs it all has failed.
const patience = 20 * time.Second

// container is the broker's container, as a folder: its paths lead there.
type container struct {
	t         *testing.T
	dir, port string
	env       []string
}

func newContainer(t *testing.T, password string) *container {
	t.Helper()
	find(t, "mosquitto", "/usr/sbin/mosquitto")
	dir := t.TempDir()
	c := &container{t: t, dir: dir, port: freePort(t), env: []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "HOME=" + filepath.Join(dir, "root"), "MQTT_USERNAME=home", "MQTT_PASSWORD=" + password,
	}}
	for _, sub := range []string{"", "root", "mosquitto/data", "etc/mosquitto"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // Mosquitto's own user looks in
		t.Fatal(err)
	}
	inside := strings.NewReplacer("/mosquitto/data", dir+"/mosquitto/data", "/etc/mosquitto", dir+"/etc/mosquitto", "listener 1883", "listener "+c.port+" 127.0.0.1")
	for from, to := range map[string]string{"mosquitto.conf": "mosquitto.conf", "mosquitto.sh": "start.sh"} {
		write(t, filepath.Join(dir, "etc/mosquitto", to), inside.Replace(read(t, from)))
	}
	if os.Getuid() == 0 { // as the image's entry point does it
		c.own(filepath.Join(dir, "mosquitto/data"))
	}
	return c
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (c *container) own(path string) {
	c.t.Helper()
	out, err := exec.Command("chown", "mosquitto:", path).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
}

// start runs the container's command until stop.
func (c *container) start() (stop func()) {
	c.t.Helper()
	cmd := exec.Command("/bin/sh", filepath.Join(c.dir, "etc/mosquitto/start.sh"))
	cmd.Env = c.env
	said, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	running, ended := make(chan struct{}), make(chan struct{})
	var log []string
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			log = append(log, lines.Text())
			if strings.HasSuffix(lines.Text(), " running") {
				close(running)
			}
		}
	}()
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = cmd.Wait()
		if c.t.Failed() {
			c.t.Log(strings.Join(log, "\n"))
		}
	}
	select {
	case <-running:
	case <-ended:
		c.t.Fatalf("the broker does not start:\n%s", strings.Join(log, "\n"))
	case <-time.After(patience):
		stop()
		c.t.Fatalf("the broker does not start:\n%s", strings.Join(log, "\n"))
	}
	return stop
}

// client runs a command of the container, as "docker compose exec" would.
func (c *container) client(name string, args ...string) (string, error) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), find(c.t, name), append(args, "-h", "127.0.0.1", "-p", c.port)...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// The broker knows one login, and keeps what is retained.
func TestBroker(t *testing.T) {
	for name, password := range map[string]string{"plain": "abc", "strange": `p: w $d"'\ ü`} {
		t.Run(name, func(t *testing.T) {
			c := newContainer(t, password)
			stop := c.start()
			healthcheck := compose(t).Services["mosquitto"].Healthcheck["test"].([]any)
			var args []string
			for _, a := range healthcheck[2:] {
				args = append(args, strings.ReplaceAll(a.(string), "$$", "$"))
			}
			if out, err := c.client("mosquitto_sub", args...); err != nil || !strings.HasSuffix(out, " seconds") {
				t.Errorf("the health check says %q, %v", out, err)
			}
			if out, err := c.client("mosquitto_pub", "-t", "a/b", "-m", "kept", "-r", "-q", "1", "-u", "home", "-P", password); err != nil {
				t.Errorf("with the login: %s, %v", out, err)
			}
			c.refuses(password)
			stop()
			defer c.start()() // anew, with the file that is there
			if out, err := c.client("mosquitto_sub", "-t", "a/b", "-C", "1", "-W", "10"); err != nil || out != "kept" {
				t.Errorf("after a restart: %q, %v", out, err)
			}
			c.private()
		})
	}
}

func (c *container) refuses(password string) {
	c.t.Helper()
	c.env = append(c.env, "XDG_CONFIG_HOME="+c.t.TempDir()) // where no login is written down
	defer func() { c.env = c.env[:len(c.env)-1] }()
	for _, login := range [][]string{nil, {"-u", "home", "-P", password + "x"}, {"-u", "hom", "-P", password}} {
		out, err := c.client("mosquitto_pub", append(login, "-t", "a/b", "-m", "no")...)
		if err == nil || !strings.Contains(out, "not authorised") {
			c.t.Errorf("login %q: %q, %v", login, out, err)
		}
	}
}

// private fails the test unless the login is for the broker alone, and hashed there.
func (c *container) private() {
	c.t.Helper()
	passwords := filepath.Join(c.dir, "mosquitto/data/passwords")
	for _, path := range []string{passwords, filepath.Join(c.dir, "root/.config/mosquitto_sub"), filepath.Join(c.dir, "root/.config/mosquitto_pub")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			c.t.Errorf("%s: %v %v", path, info, err)
		}
	}
	if text := read(c.t, passwords); !strings.HasPrefix(text, "home:$") || strings.Count(text, "\n") != 1 {
		c.t.Errorf("the passwords are %q", text)
	}
	if os.Getuid() != 0 {
		return
	}
	broker, err := user.Lookup("mosquitto")
	if err != nil {
		c.t.Fatal(err)
	}
	info, err := os.Stat(passwords)
	if err != nil {
		c.t.Fatal(err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && strconv.Itoa(int(s.Uid)) != broker.Uid {
		c.t.Errorf("the passwords belong to %d; Mosquitto, which reads them as %s, could not", s.Uid, broker.Uid)
	}
}
