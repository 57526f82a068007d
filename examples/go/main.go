// Registers a model and another that judges it, with the native plugin.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// EnkryptModel is a model registered with Enkrypt AI; its ID is NAME/VERSION.
// `pulumi package add enkrypt` generates all of it.
type EnkryptModel struct {
	pulumi.CustomResourceState

	ModelSavedName pulumi.StringOutput `pulumi:"modelSavedName"`
	ModelConfig    pulumi.MapOutput    `pulumi:"modelConfig"`
}

func register(ctx *pulumi.Context, name string, args pulumi.Map, opts ...pulumi.ResourceOption) (*EnkryptModel, error) {
	model := &EnkryptModel{}
	err := ctx.RegisterResource("enkrypt:index:EnkryptModel", name, args, model, opts...)
	return model, err
}

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		key := config.New(ctx, "").RequireSecret("openaiApiKey")
		support, err := register(ctx, "support", pulumi.Map{
			"modelSavedName": pulumi.String("support"),
			"modelName":      pulumi.String("gpt-4o-mini"),
			"testingFor":     pulumi.String("Chatbot"),
			"modelConfig": pulumi.Map{
				"isCompatibleWith": pulumi.String("openai"),
				"endpoint":         pulumi.StringMap{"host": pulumi.String("api.openai.com"), "basePath": pulumi.String("/v1")},
				"apikeys":          pulumi.Array{key},
			},
		})
		if err != nil {
			return err
		}
		endpoint := support.ModelConfig.MapIndex(pulumi.String("endpoint"))
		judge, err := register(ctx, "judge", pulumi.Map{
			"modelSavedName": pulumi.String("judge"),
			"modelConfig": pulumi.Map{
				"isCompatibleWith": pulumi.String("openai"),
				"endpoint":         endpoint,
				"systemPrompt":     pulumi.Sprintf("You judge the answers of %s.", support.ID()),
				"apikeys":          pulumi.Array{key},
			},
		})
		if err != nil {
			return err
		}
		ctx.Export("judge", judge.ID())
		ctx.Export("host", judge.ModelConfig.ApplyT(func(config map[string]any) any {
			return config["endpoint"].(map[string]any)["host"]
		}))
		return nil
	})
}
