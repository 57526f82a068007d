import * as pulumi from "@pulumi/pulumi";

/** The part of the resource that this program needs; `pulumi package add enkrypt` generates all of it. */
export interface EnkryptModelArgs {
    modelSavedName: pulumi.Input<string>;
    modelConfig: pulumi.Input<ModelConfig>;
    modelName?: pulumi.Input<string>;
    testingFor?: pulumi.Input<string>;
}

export interface ModelConfig {
    isCompatibleWith: pulumi.Input<string>;
    endpoint: pulumi.Input<Endpoint>;
    systemPrompt?: pulumi.Input<string>;
    apikeys?: pulumi.Input<pulumi.Input<string>[]>;
}

export interface Endpoint {
    host: pulumi.Input<string>;
    basePath?: pulumi.Input<string>;
}

/** A model registered with Enkrypt AI. Its id is NAME/VERSION. */
export class EnkryptModel extends pulumi.CustomResource {
    readonly modelSavedName!: pulumi.Output<string>;
    readonly modelConfig!: pulumi.Output<pulumi.UnwrappedObject<ModelConfig>>;

    constructor(name: string, args: EnkryptModelArgs, opts?: pulumi.CustomResourceOptions) {
        super("enkrypt:index:EnkryptModel", name, { ...args }, opts);
    }
}
