import * as pulumi from "@pulumi/pulumi";
import { EnkryptModel } from "./enkrypt";

const key = new pulumi.Config().requireSecret("openaiApiKey");

const support = new EnkryptModel("support", {
    modelSavedName: "support",
    modelName: "gpt-4o-mini",
    testingFor: "Chatbot",
    modelConfig: {
        isCompatibleWith: "openai",
        endpoint: { host: "api.openai.com", basePath: "/v1" },
        apikeys: [key],
    },
});

const registered = new EnkryptModel("judge", {
    modelSavedName: "judge",
    modelConfig: {
        isCompatibleWith: "openai",
        endpoint: support.modelConfig.endpoint,
        systemPrompt: pulumi.interpolate`You judge the answers of ${support.id}.`,
        apikeys: [key],
    },
});

export const judge = registered.id;
export const host = registered.modelConfig.endpoint.host;
