# The same models, with Terraform and the generic REST provider.
#
# That provider cannot put a model's name into a header, as the API requires: ../api.py moves it there from the path.
terraform {
  required_providers {
    restapi = {
      source  = "Mastercard/restapi"
      version = "1.20.0"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "models" {
  type = number
}

variable "api_key" {
  type      = string
  sensitive = true
}

provider "restapi" {
  uri           = var.endpoint
  headers       = { apikey = var.api_key }
  id_attribute  = "model_saved_name"
  update_method = "PATCH"
}

locals {
  model = jsondecode(file("${path.module}/document.json"))
}

resource "restapi_object" "model" {
  count        = var.models
  path         = "/models"
  create_path  = "/models/add-model"
  read_path    = "/models/get-model/{id}"
  update_path  = "/models/modify-model/{id}"
  destroy_path = "/models/delete-model/{id}"
  data         = jsonencode(merge(local.model, { model_saved_name = "bench-${count.index}" }))
}
