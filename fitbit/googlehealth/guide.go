package googlehealth

import "github.com/fitbit2mqtt/fitbit2mqtt/fitbit"

// Guide returns what people have to be told to sign in at Google.
func Guide() fitbit.Guide {
	return fitbit.Guide{
		Cloud:   "Google Health",
		Brand:   "Google",
		Account: "Google account",
		App:     "Google Cloud project",
		Why: "Google lets a program read health data only on behalf of a project of your own. " +
			"Making one is free, takes about ten minutes, and is done once for the whole household.",
		Steps: []string{
			"New project. Open [the Google Cloud console](https://console.cloud.google.com/projectcreate) and create a project. " +
				"Any name will do; no organisation is needed.",
			"Enable the API. Open [Google Health API](https://console.cloud.google.com/apis/library/health.googleapis.com) and press *Enable*.",
			"Consent screen. *Google Auth Platform → Get started*: an app name, your e-mail address, audience *External*, accept the policy.",
			"Scopes. *Data Access → Add or remove scopes*, filter for “Google Health API”, tick these and save: {scopes}",
			"Client. *Clients → Create client*, type *Web application*. Under *Authorized redirect URIs* add exactly this, letter by letter: {redirect} " +
				"It need not be reachable: Google only compares it. For an address of your own, first add its domain under *Branding → Authorized domains*. " +
				"Copy the client secret at once: Google shows it only this one time.",
			"Test user. *Audience → Test users*: while the status is *Testing*, add the Google account of everybody who will sign in.",
			"Publish the app. *Audience → Publish app*. Otherwise every sign-in ends after seven days. Up to 100 people need no verification by Google: " +
				"they see a warning and choose *Advanced → Go to the app*. Whoever signed in before publishing signs in once more.",
		},
		ClientID: "1234567890-abc….apps.googleusercontent.com",
		Warning:  "Google warns that it has not verified the app: it is yours. Choose *Advanced*, then *Go to the app*.",
		Ends: "The Google Cloud project is in test mode. Publish the app (*Google Auth Platform → Audience → Publish app*), " +
			"then sign in once more.",
		Refusals: []fitbit.Refusal{
			{
				Shown: "Error 400: redirect_uri_mismatch",
				Means: "The redirect address is not registered for this client. In the console, *Clients*, add exactly {redirect}: " +
					"every letter counts, a slash at the end too.",
			},
			{
				Shown: "Error 401: invalid_client",
				Means: "There is no client of this ID. Compare it with the console, *Clients*.",
			},
			{
				Shown: "Access blocked: the app has not completed verification",
				Means: "The project is in test mode, and this Google account is no test user. *Audience → Test users*, or publish the app.",
			},
			{
				Shown: "Error 400: invalid_scope",
				Means: "The Google Health API is not enabled in the project, or the scopes are not ticked under *Data Access*.",
			},
			{
				Shown: "Error 403: org_internal",
				Means: "The audience of the project is *Internal*. Set it to *External*.",
			},
		},
		Permits: "https://myaccount.google.com/connections",
	}
}
