#!/bin/sh
# Starts the broker of compose.yaml: writes its one login down, anew each time, and
# becomes Mosquitto.
set -eu
umask 077

passwords=/mosquitto/data/passwords
rm -f "$passwords"
mosquitto_passwd -b -c "$passwords" "$MQTT_USERNAME" "$MQTT_PASSWORD"
if [ "$(id -u)" = 0 ]; then
  chown mosquitto: "$passwords" # who Mosquitto becomes before it reads this
fi

# In this container, mosquitto_sub and mosquitto_pub sign in by themselves.
mkdir -p "$HOME/.config"
for client in mosquitto_sub mosquitto_pub; do
  printf -- '-u %s\n-P %s\n' "$MQTT_USERNAME" "$MQTT_PASSWORD" >"$HOME/.config/$client"
done

unset MQTT_PASSWORD
exec mosquitto -c /etc/mosquitto/mosquitto.conf
