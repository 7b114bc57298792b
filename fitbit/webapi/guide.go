package webapi

import "github.com/fitbit2mqtt/fitbit2mqtt/fitbit"

// Guide returns what people have to be told to sign in at Fitbit, first of all that
// they had better not.
func Guide() fitbit.Guide {
	return fitbit.Guide{
		Cloud:   "Fitbit Web API",
		Brand:   "Fitbit",
		Account: "Fitbit account",
		App:     "Fitbit app",
		Why: "Google turned this service off on 2 November 2026 and answers every request with “410 Gone”; new apps have not been registered since " +
			"about May 2026. Choose Google Health, unless you have a server that still speaks the Fitbit Web API and an app that it knows.",
		Steps: []string{
			"Server. Set `fitbit.endpoint` to the address of the server that still speaks the Fitbit Web API. Fitbit's own is off.",
			"App. Take one that exists already: [dev.fitbit.com/apps](https://dev.fitbit.com/apps) listed yours under *Manage My Apps*. New ones cannot be registered.",
			"Type. The *OAuth 2.0 Application Type* should be *Personal*: only then may the app read heart rates within a day, and only those of its owner. " +
				"*Client* and *Server* work for everything else. *Default Access Type*: *Read Only*.",
			"Address. The app's *Redirect URL* has to be exactly this, letter by letter, a slash at the end too: {redirect} It need not be reachable.",
			"Scopes. The app asks for these, and everybody leaves all of them ticked: {scopes}",
			"Client ID and secret. Copy *OAuth 2.0 Client ID* and *Client Secret* from the app's page. An app of type *Client* needs no secret.",
		},
		ClientID: "23ABCD",
		NoSecret: true,
		Refusals: []fitbit.Refusal{
			{
				Shown: "410 Gone",
				Means: "The service is off. Sign in with Google Health instead.",
			},
			{
				Shown: "unauthorized_client - Invalid client_id",
				Means: "There is no app of this ID. Compare it with the app's page; an app that was deleted does not come back.",
			},
			{
				Shown: "invalid_request - Invalid redirect_uri parameter value",
				Means: "The app's *Redirect URL* is another. It has to be exactly {redirect}",
			},
			{
				Shown: "unauthorized_client",
				Means: "The app's type does not allow this way to sign in. Set it to *Personal* and enter its secret.",
			},
		},
		Permits: "https://www.fitbit.com/settings/applications",
	}
}
