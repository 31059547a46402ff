"""Which verbs there are, what they may hold and how they may be nested: https://www.twilio.com/docs/voice/twiml."""

RECORDING = frozenset({"recordingStatusCallback", "recordingStatusCallbackMethod", "recordingStatusCallbackEvent"})
STATUS = frozenset({"statusCallback", "statusCallbackMethod", "statusCallbackEvent"})

ATTRIBUTES: dict[str, frozenset[str]] = {
    "Say": frozenset({"voice", "language", "loop"}),
    "Play": frozenset({"loop", "digits"}),
    "Pause": frozenset({"length"}),
    "Gather": frozenset(
        [
            "input",
            "action",
            "method",
            "timeout",
            "speechTimeout",
            "maxSpeechTime",
            "profanityFilter",
            "finishOnKey",
            "numDigits",
            "partialResultCallback",
            "partialResultCallbackMethod",
            "language",
            "hints",
            "bargeIn",
            "actionOnEmptyResult",
            "speechModel",
            "enhanced",
            "debug",
        ]
    ),
    "Enqueue": frozenset({"action", "method", "waitUrl", "waitUrlMethod", "workflowSid", "maxQueueSize"}),
    "Leave": frozenset(),
    "Hangup": frozenset(),
    "Redirect": frozenset({"method"}),
    "Reject": frozenset({"reason"}),
    "Record": frozenset(
        {"action", "method", "timeout", "finishOnKey", "maxLength", "playBeep", "trim", "transcribe"}
        | {"transcribeCallback"}
    )
    | RECORDING,
    "Dial": frozenset(
        [
            "action",
            "method",
            "timeout",
            "hangupOnStar",
            "timeLimit",
            "callerId",
            "record",
            "trim",
            "answerOnBridge",
            "ringTone",
            "recordingTrack",
            "sequential",
            "referUrl",
            "referMethod",
            "events",
        ]
    )
    | RECORDING,
    "Number": frozenset({"url", "method", "sendDigits", "byoc", "machineDetection", "amdStatusCallback"}) | STATUS,
    "Client": frozenset({"url", "method"}) | STATUS,
    "Sip": frozenset({"url", "method", "username", "password"}) | STATUS,
    "Queue": frozenset({"url", "method", "reservationSid", "postWorkActivitySid"}),
    "Conference": frozenset(
        [
            "muted",
            "beep",
            "startConferenceOnEnter",
            "endConferenceOnExit",
            "waitUrl",
            "waitMethod",
            "maxParticipants",
            "record",
            "region",
            "coach",
            "trim",
            "participantLabel",
            "jitterBufferSize",
            "eventCallbackUrl",
        ]
    )
    | STATUS
    | RECORDING,
    "Identity": frozenset(),
    "Parameter": frozenset({"name", "value"}),
    "Task": frozenset({"priority", "timeout"}),
}
PROMPTS = frozenset({"Say", "Play", "Pause"})
CHILDREN: dict[str, frozenset[str]] = {
    "Response": frozenset(
        {"Say", "Play", "Pause", "Gather", "Enqueue", "Leave", "Hangup", "Redirect", "Reject", "Record", "Dial"}
    ),
    "Gather": PROMPTS,
    "Dial": frozenset({"Number", "Client", "Sip", "Conference", "Queue"}),
    "Client": frozenset({"Identity", "Parameter"}),
    "Enqueue": frozenset({"Task"}),
    "Hangup": frozenset({"Parameter"}),
}
SPEECH = frozenset({"Say"})  # holds SSML, which is not checked here
ALONE = frozenset({"Conference", "Queue"})  # of a <Dial>'s nouns these stand alone
MANY_NOUNS = 10

WAITING = frozenset({"Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather"})  # of an <Enqueue>'s waitUrl
MUSIC = frozenset({"Play", "Say", "Pause", "Redirect"})  # of a <Conference>'s waitUrl and of a holdUrl
# A whisper to whoever has picked up; Twilio names these for <Number>'s url.
WHISPER = frozenset({"Play", "Say", "Gather", "Pause", "Hangup", "Redirect"})
EVERYWHERE = CHILDREN["Response"]
