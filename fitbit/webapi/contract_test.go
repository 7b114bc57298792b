package webapi_test

import (
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/contract"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
)

func TestContract(t *testing.T) {
	contract.Test(t, contract.Cloud{
		Authorizer: func(e contract.Env) fitbit.Authorizer {
			return webapi.App{
				ClientID: e.ClientID, ClientSecret: e.ClientSecret, AuthURL: e.URL + "/oauth2/authorize",
				TokenURL: e.URL + "/oauth2/token", RevokeURL: e.URL + "/oauth2/revoke", HTTP: e.HTTP, Now: e.Now,
			}
		},
		Source: func(e contract.Env, t fitbit.Tokens) fitbit.Source {
			return webapi.New(webapi.Options{Endpoint: e.URL, Tokens: t, HTTP: e.HTTP, Now: e.Now})
		},
		Guide:      webapi.Guide(),
		DataPath:   "/1/user/",
		WeightPath: "/body/log/weight/",
		TokenPath:  "/oauth2/token",
		Permissions: []contract.Permission{
			{Scope: "weight", Metrics: []fitbit.Metric{fitbit.WeightMetric, fitbit.BodyFatMetric}},
			{
				Scope: "heartrate",
				Metrics: []fitbit.Metric{
					fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.HeartZones, fitbit.LatestHeartRate,
				},
			},
			{
				Scope: "profile",
				Metrics: []fitbit.Metric{
					fitbit.WeightMetric, fitbit.BodyFatMetric, fitbit.HeightMetric, fitbit.LatestHeartRate, fitbit.SettingsMetric,
				},
			},
			{Scope: "settings", Metrics: []fitbit.Metric{fitbit.DevicesMetric}},
		},
		FloatingTime:      true,
		LightIsOutOfRange: true,
	})
}
