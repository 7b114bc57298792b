package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What the image and compose.yaml tell the bridge is understood, and without the page's
// password it would not start.
func TestContainerSettings(t *testing.T) {
	variables := regexp.MustCompile(`(?m)^\s*(?:ENV )?(FITBIT2MQTT_\w+)(?:=|: )(\S.*)$`)
	choice := regexp.MustCompile(`\$\{\w+:[-?]([^}]*)\}`) // the default, or what is said without one
	for _, path := range []string{"../../docker/compose.yaml", "../../docker/Dockerfile"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range variables.FindAllStringSubmatch(string(text), -1) {
			t.Setenv(m[1], choice.ReplaceAllString(m[2], "${1}"))
		}
	}
	t.Chdir(t.TempDir())
	c, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "/data" || c.MQTT.URL != "mqtt://mosquitto:1883" || c.MQTT.Username != "home" || c.Web.Listen != "0.0.0.0:8099" || c.Web.Password == "" {
		t.Errorf("%+v", c)
	}
	t.Setenv("FITBIT2MQTT_WEB_PASSWORD", "")
	if _, err := loadFile(t); err == nil || !strings.Contains(err.Error(), "web.listen: 0.0.0.0:8099 can be reached by others") {
		t.Errorf("without a password: %v", err)
	}
}
