package googlehealth_test

import (
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/contract"
)

func TestContract(t *testing.T) {
	contract.Test(t, contract.Cloud{
		Authorizer: func(e contract.Env) fitbit.Authorizer {
			return googlehealth.App{
				ClientID: e.ClientID, ClientSecret: e.ClientSecret,
				AuthURL: e.URL + "/o/oauth2/v2/auth", TokenURL: e.URL + "/token", RevokeURL: e.URL + "/revoke",
				HTTP: e.HTTP, Now: e.Now,
			}
		},
		Source: func(e contract.Env, t fitbit.Tokens) fitbit.Source {
			return googlehealth.New(googlehealth.Options{Endpoint: e.URL, Tokens: t, HTTP: e.HTTP, Now: e.Now})
		},
		Guide:      googlehealth.Guide(),
		DataPath:   "/v4/users/",
		WeightPath: "/dataTypes/weight/",
		TokenPath:  "/token",
		Permissions: []contract.Permission{
			{
				Scope: "health_metrics_and_measurements.readonly",
				Metrics: []fitbit.Metric{
					fitbit.WeightMetric, fitbit.BodyFatMetric, fitbit.HeightMetric,
					fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.LatestHeartRate,
				},
			},
			{Scope: "activity_and_fitness.readonly", Metrics: []fitbit.Metric{fitbit.HeartZones}},
			{Scope: "settings.readonly", Metrics: []fitbit.Metric{fitbit.SettingsMetric, fitbit.DevicesMetric}},
		},
	})
}
